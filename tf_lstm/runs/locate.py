"""Creates the folders of new runs, and opens existing runs. This module needs no TensorFlow."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tf_lstm.runs.run import FILES, Run, locked
from tf_lstm.runs.settings import RunSettings
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import TEMPORARY, failure, replacement, write_text_atomically
from tf_lstm.terminal.progress import short_path

RUNS = Path(__file__).resolve().parents[2] / "runs"
LATEST = RUNS / "latest"  # a text file that names the newest run's folder
# A run that comes with this repository, without what only training needs.
TRAINED = Path(__file__).resolve().parents[2] / "figures" / "gallery" / "default"
REMOVED = "settings.json.removed"  # marks a folder whose run is being deleted
OF_THE_SYSTEM = (".DS_Store", "Thumbs.db", "desktop.ini")  # written by file managers
PATTERNS = "[]*?{}\\"  # TensorFlow takes a checkpoint's path for a pattern


@contextlib.contextmanager
def create_run(
    folder: str | Path | None,
    settings: RunSettings,
    overwrite: bool = False,
    newest: bool = True,
) -> Iterator[Run]:
    """Make a new run's folder and write its settings; no other process can write it meanwhile.

    Args:
        folder: where, or None for runs/RECIPE-DATE-TIME.
        settings: what is trained.
        overwrite: delete a run that is there already, if nothing else is.
        newest: record it in runs/latest as the newest run.

    Raises:
        UserError: the folder is not empty, or cannot be used.
    """
    path = absolute_path(folder) if folder else None
    try:
        path = path or new_folder(settings.recipe.name)
        if unusable := set(str(path)) & set(PATTERNS):
            raise UserError(
                f"{path} has a {' and a '.join(sorted(unusable))} in its name, which TensorFlow "
                "takes for a pattern: name another folder with --run."
            )
        path.mkdir(parents=True, exist_ok=True)
        require_free(path, overwrite)  # before the lock is created there
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        raise _cannot_be_used(path or RUNS, error) from error
    run = Run(path, settings)
    with locked(path):
        try:
            require_free(path, overwrite)  # another process may just have started a run
            remove_run(path)
            write_text_atomically(path / "settings.json", settings.to_json())
        except OSError as error:
            raise _cannot_be_used(path, error) from error
        if newest:
            note_newest(path)
        yield run


def _cannot_be_used(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path} cannot be used for the run ({failure(error)}): name another folder with --run."
    )


def absolute_path(folder: str | Path) -> Path:
    """A folder's absolute path; `~` is the user's home folder, if there is one."""
    return Path(os.path.abspath(os.path.expanduser(folder)))


def note_newest(folder: Path) -> None:
    """Write a folder's path to runs/latest; if it is inside runs/, its path from there."""
    name = folder.relative_to(RUNS) if folder.is_relative_to(RUNS) else folder
    try:
        RUNS.mkdir(exist_ok=True)
        with replacement(LATEST) as temporary:
            temporary.write_bytes(os.fsencode(f"{name}\n"))  # a path need not be UTF-8
    except OSError as error:
        print(
            f"{LATEST} cannot be written ({error.strerror}): name this run with --run later.",
            file=sys.stderr,
        )


def require_free(folder: Path, overwrite: bool) -> None:
    """Raise a UserError unless a folder has no run, or only one that may be overwritten."""
    if not folder.is_dir():
        return  # `create_run` makes it, or explains why it cannot
    is_run = (folder / "settings.json").exists() and all(map(is_of_run, folder.iterdir()))
    if not (overwrite and is_run or is_unstarted(folder)):
        remedy = "name a new folder with --run" + (", or add --overwrite" if is_run else "")
        raise UserError(f"{folder} is not empty: {remedy}.")


def is_of_run(path: Path) -> bool:
    """Whether a path in a run's folder belongs to the run, or to the file manager."""
    if path.name == "checkpoints" and path.is_dir():
        return all(
            which.name in ("latest", "kept") and all(map(is_checkpoint_file, which.iterdir()))
            for which in path.iterdir()
            if which.name not in OF_THE_SYSTEM
        )
    if path.is_dir():  # left by a process that was killed while it wrote a file
        return path.name.startswith(TEMPORARY) and {p.name for p in path.iterdir()} <= {*FILES}
    return path.name in {*FILES, REMOVED, "lock", *OF_THE_SYSTEM}


def is_checkpoint_file(path: Path) -> bool:
    """Whether a path is a checkpoint's file, finished or not, or the file manager's."""
    return path.match("ckpt-*") or path.match("unfinished*") or path.name in OF_THE_SYSTEM


def is_unstarted(folder: Path) -> bool:
    """Whether a folder is empty, or has the leftovers of a process killed in `create_run`."""
    if not all(map(is_of_run, folder.iterdir())):
        return False
    present = {path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY)}
    killed = REMOVED in present and "settings.json" not in present
    return killed or present <= {"lock", *OF_THE_SYSTEM}


def remove_run(folder: Path) -> None:
    """Delete a run's files, and nothing else that may be in its folder.

    If the process is killed here, the folder either still holds the whole run, or `is_unstarted`.
    """
    if (folder / "settings.json").exists():
        os.replace(folder / "settings.json", folder / REMOVED)
    for path in [*folder.iterdir()]:
        if is_of_run(path) and path.name not in ("lock", REMOVED, *OF_THE_SYSTEM):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / REMOVED).unlink(missing_ok=True)


def new_folder(recipe_name: str) -> Path:
    """Create a folder in runs/, named after the recipe and the time."""
    name, count = time.strftime(f"{recipe_name}-%Y%m%d-%H%M%S"), 1
    while True:
        folder = RUNS / (name if count == 1 else f"{name}-{count}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not RUNS.is_dir():
                raise
            count += 1


def open_run(folder: str | Path | None = None) -> Run:
    """The run in `folder`, or the newest one.

    Raises:
        UserError: there is none, or its settings cannot be read.
    """
    path = absolute_path(folder) if folder is not None else newest_folder()
    try:
        settings = RunSettings.from_json((path / "settings.json").read_text(encoding="utf-8"))
    except OSError as error:
        if folder is None:
            raise UserError(
                f"{path}, the newest run, cannot be read (settings.json: {error.strerror}): name "
                "another with --run."
            ) from error
        unstarted = os.path.isdir(path) and is_unstarted(path)
        remedy = f"start its training again with --run {path}, or " if unstarted else ""
        raise UserError(
            f"{path} is not a run's folder (settings.json: {error.strerror}): {remedy}name another "
            "folder."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path / 'settings.json'} does not hold the settings of a run of this version "
            f"({error}): name another run."
        ) from error
    return Run(path, settings)


def open_trained_run(folder: str | Path | None = None) -> Run:
    """As `open_run`; while there is no run yet, the one that comes with this repository."""
    if folder is None and not os.path.lexists(LATEST):
        print(f"There is no run yet: using the trained network in {short_path(TRAINED)}.")
        folder = TRAINED
    return open_run(folder)


def newest_folder() -> Path:
    """The folder that runs/latest names.

    Raises:
        UserError: there is no run yet, or the file cannot be read.
    """
    try:
        name = os.fsdecode(LATEST.read_bytes()).removesuffix("\n")
    except FileNotFoundError as error:
        raise UserError(
            "There is no run yet: train one with `python scripts/train_mnist.py`, or name a run's "
            "folder with --run."
        ) from error
    except OSError as error:
        raise UserError(
            f"{LATEST} cannot be read ({error.strerror}): name a run's folder."
        ) from error
    return RUNS / name


@contextlib.contextmanager
def reopen_run(folder: str | Path | None = None) -> Iterator[Run]:
    """The run in `folder`, or the newest one; no other process can write it meanwhile.

    Raises:
        UserError: as `open_run`, or another process is writing the run.
    """
    path = open_run(folder).folder
    with locked(path):
        yield open_run(path)  # read again: it may just have been overwritten
