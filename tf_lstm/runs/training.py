"""Trains a run: a new one, or one that was interrupted. The command and Python use these functions.

dataset = load_dataset()
run = train_run(dataset)
run = resume_run("runs/NAME")
"""

import atexit
import contextlib
import dataclasses
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from tf_lstm.data.dataset import Dataset, load_dataset
from tf_lstm.engines.build import build_model
from tf_lstm.engines.cluster import is_chief
from tf_lstm.engines.distribution import count_shards, new_strategy, new_trainer
from tf_lstm.engines.names import EngineName
from tf_lstm.engines.precision import choose_precision
from tf_lstm.evaluation import Evaluation
from tf_lstm.recipes import DEFAULT
from tf_lstm.runs.initial_weights import assign_initial_weights
from tf_lstm.runs.locate import absolute_path, create_run, open_run, reopen_run, require_free
from tf_lstm.runs.run import Run
from tf_lstm.runs.session import Session, fits_in_memory
from tf_lstm.runs.settings import Device, RunData, RunSettings
from tf_lstm.settings import Precision, Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.progress import describe_data
from tf_lstm.terminal.versions import require_package
from tf_lstm.train_loop import count_steps
from tf_lstm.train_step import Trainer

MUON_KERAS = "3.13"  # the oldest version whose Muon has separate weight decays
Report = Callable[[Run, Dataset, Evaluation], None]


def train_run(
    dataset: Dataset | Callable[[], Dataset],
    recipe: Recipe = DEFAULT,
    folder: str | Path | None = None,
    *,
    seed: int = 0,
    engine: EngineName = "cell",
    precision: Precision | Literal["auto"] = "float32",
    strategy: str = "none",
    replicas: int | None = None,
    device: Device | None = None,
    initial_weights: str | Path | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    report: Report | None = None,
) -> Run:
    """Train a new run to its end and test it.

    Args:
        dataset: the data, or a function that loads it.
        recipe: the settings.
        folder: where to save the run, or None for runs/RECIPE-DATE-TIME.
        seed: determines every random choice.
        engine, precision: how the layers are computed; see `engines.names`. "auto" measures which
            precision is faster here, and the run keeps it.
        strategy, replicas: as for `engines.distribution.new_strategy`.
        device: recorded; "cpu" if GPUs were hidden when TensorFlow was imported.
        initial_weights: see `assign_initial_weights`.
        overwrite: delete a run that is already in the folder.
        quiet: print nothing.
        report: called with the evaluation of the test images, before the last files are written.

    Returns:
        The finished run; `open_run` finds it again.

    Raises:
        Interrupted: Ctrl-C; everything is saved, and `resume_run` continues.
        UserError: the folder cannot be used, or the training failed.
        ValueError: the engine does not exist, or does not fit the recipe.
    """
    require_optimizer(recipe)
    data = dataset() if callable(dataset) else dataset
    precision = choose_precision(precision, engine, recipe)
    compared = compared_settings(recipe, data, seed, engine, precision)
    tf_strategy = new_strategy(strategy, replicas, compared)
    settings = RunSettings(
        recipe=recipe,
        data=describe(data),
        seed=seed,
        engine=engine,
        precision=precision,
        shards=count_shards(tf_strategy, strategy, recipe.batch_size),
        strategy=strategy,
        replicas=tf_strategy.num_replicas_in_sync,
        device=device,
        initial_weights=str(absolute_path(initial_weights)) if initial_weights else None,
        versions=versions(),
    )
    writes = is_chief(strategy)
    if folder and writes:
        require_free(absolute_path(folder), overwrite)  # before anything is printed or built
    describe_training(settings, data, quiet)
    trainer = trainer_of(settings, data, tf_strategy)  # what fails here leaves no folder behind
    if settings.initial_weights:
        assign_initial_weights(trainer.model, settings.initial_weights)
    with create_run(folder if writes else scratch_folder(), settings, overwrite, writes) as run:
        if not writes:
            run = Run(run.folder, settings, shown=folder)
        return finish(run, trainer, data, quiet, report)


def resume_run(
    folder: str | Path | None = None,
    data: str | None = None,
    *,
    quiet: bool = False,
    report: Report | None = None,
) -> Run:
    """Train an interrupted run to its end and test it.

    Args:
        folder: the run's, or None for the newest run.
        data: where its data is now; None for where it was.
        quiet, report: as for `train_run`.

    Raises:
        Interrupted: Ctrl-C; everything is saved.
        UserError: the run is finished, or the data or the number of workers is not the run's.
    """
    writes = is_chief(open_run(folder).settings.strategy)
    with reopen_run(folder) if writes else contextlib.nullcontext(open_run(folder)) as run:
        settings = run.settings
        require_optimizer(settings.recipe)
        if run.is_finished:
            raise UserError(f"{run.folder} is finished already: there is nothing to resume.")
        dataset = load_dataset(data or settings.data.source, settings.recipe.validation)
        if dataset.checksum != settings.data.checksum:
            raise UserError(
                f"{dataset.source} is not the data that {run.folder} was trained on: name the "
                "original data with --data."
            )
        compared = compared_settings(
            settings.recipe, dataset, settings.seed, settings.engine, settings.precision
        )
        compared["checkpoint"] = run.checkpoints("latest").numbers  # of a folder that all can read
        strategy = new_strategy(settings.strategy, settings.replicas, compared)
        if strategy.num_replicas_in_sync != settings.replicas:
            raise UserError(
                f"{run.folder} was started with {settings.replicas} workers, and TF_CONFIG names "
                f"{strategy.num_replicas_in_sync}: resume with the same number."
            )
        describe_training(settings, dataset, quiet)
        trainer = trainer_of(settings, dataset, strategy)
        if settings.initial_weights and not compared["checkpoint"]:  # killed before the first one
            assign_initial_weights(trainer.model, settings.initial_weights)
        if not writes:
            copy = Path(scratch_folder())
            shutil.copytree(run.folder, copy, dirs_exist_ok=True)
            run = Run(copy, settings, shown=run.folder)
        return finish(run, trainer, dataset, quiet, report)


def finish(run: Run, trainer: Trainer, dataset: Dataset, quiet: bool, report: Report | None) -> Run:
    """Train a run to its end from where it is, test it, and write its last files."""
    session = Session(run, trainer, dataset, quiet)

    def write_results(test: Evaluation) -> None:
        if report:
            report(run, dataset, test)
        # Not at the top: importing matplotlib takes half a second, and the accuracy comes first.
        from tf_lstm.plots.learning_curves import learning_curves_figure
        from tf_lstm.plots.style import save_figure

        figure = learning_curves_figure(session.history, f"{run.folder.name}, {dataset.name}")
        with run.writing():
            save_figure(figure, run.folder / "learning_curves.png")
            run.write_result(test)  # from here on, the run is finished

    session.train(write_results)
    return run


def require_optimizer(recipe: Recipe) -> None:
    """Raise a UserError if the installed Keras is too old for the recipe's optimizer."""
    if recipe.optimizer == "muon":
        remedy = "update it, which takes Python 3.11 or newer, or choose another recipe"
        require_package(
            "keras", MUON_KERAS, remedy, f"the optimizer of the recipe {recipe.name} (muon)"
        )


def describe_training(settings: RunSettings, dataset: Dataset, quiet: bool) -> None:
    """Print the data and the recipe, before the network is built: a large one takes minutes."""
    if not quiet:
        recipe = settings.recipe
        text = f"{describe_data(dataset)}\nrecipe   {recipe.name}: {recipe.description}"
        print(text, flush=True)


def trainer_of(
    settings: RunSettings, dataset: Dataset, strategy: tf.distribute.Strategy
) -> Trainer:
    """A new model and trainer with a run's settings.

    Raises:
        UserError: they do not fit into the memory.
    """
    _, total_steps = count_steps(settings.recipe, len(dataset.train.labels))
    with strategy.scope(), fits_in_memory():
        model = build_model(
            settings.recipe,
            settings.seed,
            settings.engine,
            precision=settings.precision,
            num_classes=len(settings.data.class_names),
        )
        return new_trainer(model, dataset, total_steps, settings.seed, settings.shards)


def compared_settings(
    recipe: Recipe, dataset: Dataset, seed: int, engine: str, precision: str
) -> dict[str, object]:
    """What must be the same for all workers. The number of shards need not: it changes nothing."""
    others = {"seed": seed, "engine": engine, "precision": precision, "data": dataset.checksum}
    return dataclasses.asdict(recipe) | others


def describe(dataset: Dataset) -> RunData:
    """What a run records of its data."""
    return RunData(
        name=dataset.name,
        source=dataset.source,
        checksum=dataset.checksum,
        train=len(dataset.train.labels),
        validation=len(dataset.validation.labels),
        test=len(dataset.test.labels),
        class_names=tuple(dataset.class_names),
    )


def versions() -> dict[str, str]:
    """The versions of Python, of the packages, and of this code."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": tf.keras.__version__,
        "numpy": np.__version__,
        "code": code_version(),
    }


def code_version() -> str:
    """The commit of this repository, with ", modified" if files differ; or "unknown"."""
    repository = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(repository), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != repository:
            return "unknown"  # a copy of this code within another repository
        changes = git("status", "--porcelain", "--untracked-files=no", "tf_lstm", "scripts")
        return git("rev-parse", "HEAD") + (", modified" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def scratch_folder() -> str:
    """A temporary folder for the run of a worker that is not the chief; it is deleted at exit."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return folder.name
