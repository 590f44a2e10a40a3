"""Creates the folders of new runs, and opens existing runs."""

import hashlib
import json
import os
import platform
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lstm.data.dataset import Dataset
from tf_lstm.runs.run import FILES, Run
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import temporary_path, write_text_atomically

RUNS = Path(__file__).resolve().parents[2] / "runs"
REQUIRED = ("seed", "engine", "shards", "strategy", "replicas")  # settings besides the recipe
LATEST = RUNS / "latest"  # a text file that names the newest run's folder
UNFINISHED = temporary_path(Path("settings.json")).name  # marks a folder that holds no run (yet)
LEFTOVERS = [temporary_path(Path(name)).name for name in FILES]  # left by a killed process


def create_run(
    folder: str | Path | None,
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    overwrite: bool = False,
    newest: bool = True,
    engine: str = "cell",
    precision: str = "float32",
    shards: int = 1,
    strategy: str = "none",
    replicas: int = 1,
) -> Run:
    """Make a new run's folder and write its settings.

    Args:
        folder: where, or None for runs/RECIPE-DATE-TIME.
        recipe, seed, dataset: what is trained.
        overwrite: delete a run that is there already, if nothing else is.
        newest: record it in runs/latest as the newest run.
        engine, precision, strategy: recorded; they change a step by rounding only.
        shards, replicas: recorded; they also change the random numbers.

    Raises:
        UserError: the folder is not empty, or cannot be written.
    """
    folder = Path(folder).expanduser().absolute() if folder else unused_folder(recipe.name)
    settings = {
        "recipe": asdict(recipe),
        "seed": seed,
        "engine": engine,
        "precision": precision,
        "shards": shards,
        "strategy": strategy,
        "replicas": replicas,
        "data": {
            "name": dataset.name,
            "source": dataset.source,
            "checksum": dataset.checksum,
            "train": len(dataset.train.labels),
            "validation": len(dataset.validation.labels),
            "test": len(dataset.test.labels),
            "class_names": list(dataset.class_names),
        },
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": tf.keras.__version__,
            "numpy": np.__version__,
        },
    }
    settings["checksum"] = compute_checksum(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        require_free(folder, overwrite)  # before the lock is created there
        with Run(folder, {}).locked():
            require_free(folder, overwrite)  # another process may just have started a run
            remove_run(folder)
            write_text_atomically(folder / "settings.json", json.dumps(settings, indent=2) + "\n")
        if newest:
            RUNS.mkdir(exist_ok=True)
            write_text_atomically(LATEST, f"{folder}\n")
    except OSError as error:
        raise UserError(
            f"{folder} cannot be used for the run ({error.strerror}): name another with --run."
        ) from error
    return Run(folder, settings)


def compute_checksum(settings: dict[str, Any]) -> str:
    """A hash of all settings, so that damage to the file is noticed."""
    others = {name: value for name, value in settings.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(others).encode()).hexdigest()


def require_free(folder: Path, overwrite: bool) -> None:
    """Raise a UserError unless a folder has no run, or only one that may be overwritten."""
    is_run = (folder / "settings.json").exists() and all(map(is_of_run, folder.iterdir()))
    if not (overwrite and is_run or is_unstarted(folder)):
        remedy = "name a new folder with --run" + (", or add --overwrite" if is_run else "")
        raise UserError(f"{folder} is not empty: {remedy}.")


def is_of_run(path: Path) -> bool:
    """Whether a path in a run's folder belongs to the run, or was left by a killed process."""
    if path.match("tmp*") and path.is_dir():  # made by `atomic_path`
        return {file.name for file in path.iterdir()} <= set(FILES)
    return path.name in {*FILES, *LEFTOVERS, "lock", "checkpoints"}


def is_unstarted(folder: Path) -> bool:
    """Whether a folder is empty, or has the leftovers of a process killed in `create_run`."""
    present = {path.name for path in folder.iterdir()}
    killed = UNFINISHED in present and "settings.json" not in present
    return present <= {"lock"} or killed and all(map(is_of_run, folder.iterdir()))


def remove_run(folder: Path) -> None:
    """Delete a run's files, and nothing else that may be in its folder.

    If the process is killed here, the folder either still holds the whole run, or `is_unstarted`.
    """
    if (folder / "settings.json").exists():
        os.replace(folder / "settings.json", folder / UNFINISHED)
    for path in [*folder.iterdir()]:
        if is_of_run(path) and path.name not in ("lock", UNFINISHED):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / UNFINISHED).unlink(missing_ok=True)


def unused_folder(recipe_name: str) -> Path:
    """A folder in runs/, named after the recipe and the time, that does not exist yet."""
    name = time.strftime(f"{recipe_name}-%Y%m%d-%H%M%S")
    folder, count = RUNS / name, 1
    while folder.exists():
        count += 1
        folder = RUNS / f"{name}-{count}"
    return folder


def open_run(folder: str | Path | None = None) -> Run:
    """The run in `folder`, or the newest one.

    Raises:
        UserError: there is none, or its settings cannot be read.
    """
    if folder is None:
        if not LATEST.exists():
            raise UserError(
                "There is no run yet: train one with `python scripts/train_mnist.py`, or name a "
                "run's folder with --run."
            )
        folder = LATEST
    path = Path(folder).expanduser()
    try:
        if path.is_file() and path.name == LATEST.name:
            path = Path(path.read_text(encoding="utf-8").strip())
        settings = json.loads((path / "settings.json").read_text(encoding="utf-8"))
        run = Run(path, settings)
        _ = run.recipe, settings["data"]["source"], settings["data"]["checksum"]
        _ = [settings[name] for name in REQUIRED]
        if settings.get("checksum") not in (None, compute_checksum(settings)):
            raise ValueError("its checksum is wrong")
    except OSError as error:
        if path.is_dir() and is_unstarted(path):
            remedy = f"start its training again with --run {path}, or name another folder"
        else:
            remedy = "name another folder"
        raise UserError(
            f"{path} is not a run's folder (settings.json: {error.strerror}): {remedy}."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path / 'settings.json'} does not hold the settings of a run of this version "
            f"({error}): name another run."
        ) from error
    return run
