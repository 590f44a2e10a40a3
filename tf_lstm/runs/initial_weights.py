"""Starts a training from trained weights: those of a finished run, or of an exported archive."""

import zipfile
from pathlib import Path

import numpy as np

from tf_lstm.model import RowClassifier
from tf_lstm.runs.locate import absolute_path, open_run
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import failure


def assign_initial_weights(model: RowClassifier, source: str | Path) -> None:
    """Give a model trained weights.

    Args:
        model: the network to train.
        source: a run's folder, whose kept weights are taken, or an archive that export_model.py
            wrote (MODEL.npz).

    Raises:
        UserError: the source cannot be read, or its network has another cell or other shapes.
    """
    if str(source).lower().endswith(".npz"):
        theirs = read_archive(absolute_path(source))
    else:
        run = open_run(source)
        if run.recipe.cell != model.recipe.cell:
            raise UserError(
                f"The initial weights in {run.folder} are those of the cell '{run.recipe.cell}': "
                f"add --set cell={run.recipe.cell}."
            )
        variables = run.kept_model("gates").variables_by_name
        theirs = {name: variable.numpy() for name, variable in variables.items()}
    ours = model.variables_by_name
    for name in dict.fromkeys((*ours, *theirs)):
        there, here = (
            " × ".join(map(str, arrays[name].shape)) if name in arrays else "missing"
            for arrays in (theirs, ours)
        )
        if there != here:
            raise UserError(
                f"The initial weights in {source} do not fit: {name} is {there} there and {here} "
                "here. Choose others, or settings like theirs."
            )
    for name, variable in ours.items():
        variable.assign(theirs[name])


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an exported archive by name.

    Raises:
        UserError: it cannot be read, or holds something else than finite numbers.
    """
    try:
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({failure(error)}): name a run's folder, or an archive that "
            "export_model.py wrote."
        ) from error
    # TypeError: it is a single array, as `np.save` writes it.
    except (ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is damaged or no NumPy archive: export the network again."
        ) from error
    if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays.values()):
        raise UserError(f"{path} does not hold a network's weights: name another archive.")
    return arrays
