"""A network's variables as a NumPy archive."""

from pathlib import Path

import numpy as np

from tf_lstm.model import RowClassifier
from tf_lstm.terminal.files import atomic_path


def save_archive(model: RowClassifier, path: Path) -> None:
    """Write every variable under its name in `RowClassifier.variables_by_name`."""
    arrays = {name: variable.numpy() for name, variable in model.variables_by_name.items()}
    # A file, because NumPy would append ".npz" to a path that ends in ".NPZ".
    with atomic_path(path, (".npz",)) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
