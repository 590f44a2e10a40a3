"""Where runs are: making a new one's folder, and finding one again."""

import json
import platform
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_lstm.errors import UserError
from tf_lstm.files import unfinished, write_whole
from tf_lstm.run_folder import FILES, Run

RUNS = Path(__file__).resolve().parents[1] / "runs"
LEFTOVERS = [unfinished(Path(name)).name for name in FILES]  # of a process that was killed
LATEST = RUNS / "latest"  # a text file that names the newest run's folder


def create_run(folder, recipe, seed, dataset, overwrite=False, newest=True, **how):
    """Make a new run's folder and write its settings.

    Args:
        folder: where, or None for runs/RECIPE-DATE-TIME.
        recipe, seed, dataset: what is to be trained.
        overwrite: give up a run that is there already, if nothing else is.
        newest: let runs/latest name it.
        how: settings of how it is computed: `engine` and `strategy` change nothing but rounding;
            `shards` and `replicas` also change what is drawn at random.

    Raises:
        UserError: the folder already holds something, or cannot be written.
    """
    folder = Path(folder).expanduser().absolute() if folder else unused_folder(recipe.name)
    settings = {
        "recipe": asdict(recipe),
        "seed": seed,
        **how,
        "data": {
            "name": dataset.name,
            "source": dataset.source,
            "checksum": dataset.checksum,
            "train": len(dataset.train.labels),
            "validation": len(dataset.validation.labels),
            "test": len(dataset.test.labels),
        },
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": tf.keras.__version__,
            "numpy": np.__version__,
        },
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_run = overwrite and (folder / "settings.json").exists()
        present = {path.name for path in folder.iterdir()}
        if present - {*FILES, *LEFTOVERS, "lock", "checkpoints"} if is_run else present:
            raise UserError(f"{folder} is not empty: name a new folder with --run.")
        if is_run:
            remove_run(folder)
        write_whole(folder / "settings.json", json.dumps(settings, indent=2) + "\n")
        if newest:
            RUNS.mkdir(exist_ok=True)
            write_whole(LATEST, f"{folder}\n")
    except OSError as error:
        raise UserError(
            f"{folder} cannot be used for the run ({error.strerror}): name another with --run."
        ) from error
    return Run(folder, settings)


def remove_run(folder):
    """Delete a run's files, and nothing else that may be in its folder."""
    with Run(folder, {}).locked():
        for name in (*FILES, *LEFTOVERS):
            (folder / name).unlink(missing_ok=True)
        if (folder / "checkpoints").exists():
            shutil.rmtree(folder / "checkpoints")


def unused_folder(recipe_name):
    """A folder in runs/ that is named after the recipe and the time, and does not exist yet."""
    name = time.strftime(f"{recipe_name}-%Y%m%d-%H%M%S")
    folder, count = RUNS / name, 1
    while folder.exists():
        count += 1
        folder = RUNS / f"{name}-{count}"
    return folder


def open_run(folder=None):
    """The run in `folder`, or the newest one.

    Raises:
        UserError: there is none, or its settings cannot be read.
    """
    if folder is None:
        if not LATEST.exists():
            raise UserError(
                "There is no run yet: train one with `python scripts/train_mnist.py`, or name its "
                "folder with --run."
            )
        folder = LATEST
    path = Path(folder).expanduser()
    if path.is_file() and path.name == LATEST.name:
        path = Path(path.read_text(encoding="utf-8").strip())
    settings_file = path / "settings.json"
    try:
        settings = json.loads(settings_file.read_text(encoding="utf-8"))
        run = Run(path, settings)
        run.recipe, settings["seed"], settings["data"]["source"]  # is all there?
    except OSError as error:
        raise UserError(
            f"{path} is not a run's folder ({settings_file.name}: {error.strerror}): name "
            "another folder."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{settings_file} does not hold the settings of a run of this version: name another "
            "run."
        ) from error
    return run
