"""Train every recipe with several seeds, and compare the accuracies with the published ones.

Finished runs are kept in a CSV file and are not repeated; an interrupted one is resumed. Each run
is a process of train_mnist.py, with its folder in runs/results.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.recipes import RECIPES
from tf_lstm.runs.flags import PRECISIONS
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_program, run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import REPOSITORY, FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing these at run time would import TensorFlow before the flags are parsed
    from tf_lstm.data.dataset import Dataset
    from tf_lstm.runs.results import Result
    from tf_lstm.runs.run import Run

LONG_RECIPES = ("steps-784",)  # takes hours: trained only if named


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    flag = parser.flag
    flag("--recipe", f"a recipe to train, may be repeated: {', '.join(RECIPES)}",
         shown=f"all but {', '.join(LONG_RECIPES)}", action="append", choices=RECIPES,
         metavar="NAME")  # fmt: skip
    flag("--seeds", "number of runs of each recipe", 3, type=number(int, 1, 1000))
    flag("--seed", "the first seed", 0, type=number(int, 0, 10**6))
    flag("--precision", "as for train_mnist.py", PRECISIONS[0], choices=PRECISIONS)
    parser.add_data()
    parser.add_output("figures/gallery/results.csv", ".csv", help="file of all finished runs, "
                      "with a table (.md) and a figure (.png) beside it")  # fmt: skip
    return parser.parse_args()


def train_in_a_process(recipe: Recipe, seed: int, dataset: "Dataset", precision: str) -> "Run":
    """Train a recipe, or resume its interrupted training.

    Returns:
        The finished run.

    Raises:
        Interrupted: the training was interrupted; it can be resumed.
        UserError: the training failed and printed why, or its folder holds another run.
    """
    from tf_lstm.runs.locate import RUNS, open_run
    from tf_lstm.runs.results import settings_text

    ending = "" if precision == PRECISIONS[0] else f"-{precision}"
    folder = RUNS / "results" / f"{recipe.name}-{seed}{ending}"
    if (folder / "settings.json").exists():
        run = open_run(folder)
        if settings_text(run.recipe) != settings_text(recipe):
            raise UserError(
                f"{folder} was trained with other settings of {recipe.name}: move it away."
            )
        if run.settings["data"]["checksum"] != dataset.checksum:
            raise UserError(f"{folder} was trained on other data: move it away.")
        if run.is_finished:
            return run
        flags = ["--resume", folder]
    else:
        flags = ["--recipe", recipe.name, "--seed", seed, "--run", folder]
        flags += ["--engine", "folded", "--precision", precision]
    script = REPOSITORY / "scripts" / "train_mnist.py"
    # A signal reaches the training, which saves its state and prints how to resume.
    program = [sys.executable, script, *flags, "--data", dataset.source]
    if run_program(program, "the same command continues from here"):
        raise UserError(f"The training in {folder} failed: see above.")
    return open_run(folder)


def result_of(run: "Run", dataset: "Dataset") -> "Result":
    """The `Result` of a finished run."""
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.plots.statistics import row_statistics
    from tf_lstm.runs.readings import read_readings
    from tf_lstm.runs.results import Result, settings_text

    test, history = run.read_result(), run.read_history()
    accuracies = [metrics.validation_accuracy for metrics in history]
    # That of the tested weights: the best epoch's, or the last one's. nan stays nan.
    validation_accuracy = max(accuracies) if run.recipe.keep_weights == "best" else accuracies[-1]
    row_accuracies = ""
    if run.recipe.loss_rows != "last":
        predictions = row_predictions(run.best_model(), dataset.test.images)
        correct, images = row_statistics(predictions, dataset.test.labels).accuracy_by_row()
        row_accuracies = " ".join(f"{share:.4f}" for share in correct / images)
    return Result(
        recipe=run.recipe.name,
        seed=run.settings["seed"],
        data=run.settings["data"]["name"],
        validation_accuracy=round(validation_accuracy, 6),
        test_accuracy=round(test.accuracy, 6),
        test_loss=round(test.loss, 6),
        seconds=round(sum(metrics.seconds for metrics in history), 1),
        settings=settings_text(run.recipe),
        test_readings=" ".join(f"{share:.4f}" for share in read_readings(run.folder).values()),
        precision=run.precision,
        row_accuracies=row_accuracies,
    )


def describe_time_left(
    results: "Sequence[Result]", recipes: Sequence[Recipe], precision: str
) -> str:
    """The expected time for one run of each recipe; "" if a recipe has no results yet."""
    from tf_lstm.runs.results import current_results

    seconds = 0.0
    for recipe in recipes:
        finished = current_results(results, recipe, precision=precision)
        if not finished:
            return ""
        seconds += statistics.mean(result.seconds for result in finished)
    return f", about {seconds / 60:.0f} min left"


def main() -> None:
    flags = parse_flags()
    names = flags.recipe or [name for name in RECIPES if name not in LONG_RECIPES]
    recipes = [RECIPES[name] for name in dict.fromkeys(names)]
    import_tensorflow()
    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.plots.results import results_figure
    from tf_lstm.plots.style import save_figure
    from tf_lstm.runs.results import current_results, read_results, write_results
    from tf_lstm.runs.tables import all_tables

    results = read_results(flags.output)
    dataset = load_dataset(flags.data)
    if other := {result.data for result in results} - {dataset.name}:
        raise UserError(
            f"{flags.output} holds results on {', '.join(sorted(other))}, and this is "
            f"{dataset.name}: name another --output."
        )
    finished = [
        (recipe, result.seed)
        for recipe in recipes
        for result in current_results(results, recipe, precision=flags.precision)
    ]
    # Seed by seed, so that an unfinished comparison has results of every recipe.
    missing = [
        (recipe, seed)
        for seed in range(flags.seed, flags.seed + flags.seeds)
        for recipe in recipes
        if (recipe, seed) not in finished
    ]
    for index, (recipe, seed) in enumerate(missing):
        remaining = [recipe for recipe, _ in missing[index:]]
        left = describe_time_left(results, remaining, flags.precision)
        print(f"\n{recipe.name}, seed {seed}: run {index + 1} of {len(missing)}{left}", flush=True)
        started = time.monotonic()
        run = train_in_a_process(recipe, seed, dataset, flags.precision)
        # Read again: another process may have added its own meanwhile.
        results = [*read_results(flags.output), result_of(run, dataset)]
        write_results(results, flags.output)
        print(f"{recipe.name}, seed {seed}: finished in {time.monotonic() - started:.0f} s")
    named = flags.data and dataset.name != "MNIST"
    table = all_tables(flags.output, f" --data {flags.data}" if named else "")
    write_markdown(flags.output.with_suffix(".md"), table)
    save_figure(results_figure(results), flags.output.with_suffix(".png"))
    print(f"\n{table}")


if __name__ == "__main__":
    run_script(main)
