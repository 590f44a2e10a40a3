"""Trains a recipe in a process, and reads the result of its run."""

import sys
from pathlib import Path

from tf_lstm.data.dataset import Dataset
from tf_lstm.engines.names import fastest_engine
from tf_lstm.evaluation import row_predictions
from tf_lstm.plots.statistics import row_statistics
from tf_lstm.recipes import RECIPES
from tf_lstm.results.records import Result, settings_text
from tf_lstm.runs import locate
from tf_lstm.runs.locate import open_run
from tf_lstm.runs.published import read_test_accuracies
from tf_lstm.runs.run import Run
from tf_lstm.settings import PRECISIONS, SETTINGS, Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_program
from tf_lstm.terminal.files import join_choices
from tf_lstm.terminal.flags import REPOSITORY


def train_in_a_process(
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    precision: str = PRECISIONS[0],
    name: str | None = None,
) -> Run:
    """Train a recipe with train_mnist.py, or resume its interrupted training.

    Args:
        recipe: the settings; `RECIPES` has a recipe of the same name, from which they may differ.
        seed, dataset, precision: as for `runs.training.train_run`.
        name: of the run's folder in runs/results, without the seed; None for the recipe's name.

    Returns:
        The finished run.

    Raises:
        Interrupted: the training was interrupted; it can be resumed.
        UserError: the training failed and printed why, or its folder holds another run.
    """
    ending = "" if precision == PRECISIONS[0] else f"-{precision}"
    folder = locate.RUNS / "results" / f"{name or recipe.name}-{seed}{ending}"
    if (folder / "settings.json").exists():
        run = open_run(folder)
        require_training(run, recipe, seed, dataset, precision)
        if run.is_finished:
            return run
        flags = ["--resume", folder]
    else:
        flags = new_run_flags(recipe, seed, folder, precision)
    script = REPOSITORY / "scripts" / "train_mnist.py"
    # A signal reaches the training, which saves its state and prints how to resume.
    program = [sys.executable, script, *flags, "--data", dataset.source]
    if run_program(program, "the same command continues from here"):
        raise UserError(f"The training in {folder} failed: see above.")
    return open_run(folder)


def new_run_flags(recipe: Recipe, seed: int, folder: Path, precision: str) -> list[object]:
    """The flags with which train_mnist.py trains a recipe, without its data."""
    named = RECIPES[recipe.name]
    flags = ["--recipe", recipe.name, "--seed", seed, "--run", folder]
    flags += ["--engine", fastest_engine(recipe), "--precision", precision]
    for setting in SETTINGS:
        if (value := getattr(recipe, setting)) != getattr(named, setting):
            flags += ["--set", f"{setting}={str(value).lower()}"]
    return flags


def require_training(run: Run, recipe: Recipe, seed: int, dataset: Dataset, precision: str) -> None:
    """Raise a UserError unless a run is the training of these settings on this data."""
    pairs = {
        f"settings of {recipe.name}": (settings_text(run.recipe), settings_text(recipe)),
        "data": (run.settings.data.checksum, dataset.checksum),
        "seed": (run.settings.seed, seed),
        "precision": (run.settings.precision, precision),
    }
    if other := [name for name, (theirs, ours) in pairs.items() if theirs != ours]:
        raise UserError(f"{run.folder} was trained with other {join_choices(other)}: move it away.")


def result_of(run: Run, dataset: Dataset, name: str | None = None) -> Result:
    """The `Result` of a finished run; `name` instead of its recipe's name."""
    test, history = run.read_result(), run.read_history()
    accuracies = [metrics.validation_accuracy for metrics in history]
    # That of the tested weights: the best epoch's, or the last one's. nan stays nan.
    validation_accuracy = max(accuracies) if run.recipe.keep_weights == "best" else accuracies[-1]
    during_training, row_accuracies = read_test_accuracies(run.folder), ""
    if run.recipe.loss_rows != "last":
        predictions = row_predictions(run.kept_model(), dataset.test.images)
        correct, images = row_statistics(predictions, dataset.test.labels).accuracy_by_row()
        row_accuracies = " ".join(f"{share:.4f}" for share in correct / images)
    return Result(
        recipe=name or run.recipe.name,
        seed=run.settings.seed,
        data=dataset.name,
        validation_accuracy=round(validation_accuracy, 6),
        test_accuracy=round(test.accuracy, 6),
        seconds=round(sum(metrics.seconds for metrics in history), 1),
        settings=settings_text(run.recipe),
        test_readings=" ".join(f"{share:.4f}" for share in during_training.values()),
        precision=run.settings.precision,
        row_accuracies=row_accuracies,
    )
