"""A network's variables as a NumPy archive."""

from pathlib import Path

import numpy as np

from tf_lstm.model import RowClassifier
from tf_lstm.terminal.files import atomic_path


def save_archive(model: RowClassifier, path: Path) -> None:
    """Write every variable under its name in `RowClassifier.variables_by_name`."""
    with atomic_path(path, (".npz",)) as temporary:
        np.savez(temporary, **{name: v.numpy() for name, v in model.variables_by_name.items()})
