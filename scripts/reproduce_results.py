"""Train every recipe with several seeds, and compare the accuracies with the published ones.

Finished runs are kept in a CSV file and are not repeated; an interrupted one is resumed. Each run
is a process of train_mnist.py, with its folder in runs/results. Several processes of this script
can share one file, if they train other recipes or seeds.
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
from tf_lstm.settings import PRECISIONS, Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_program, run_script
from tf_lstm.terminal.files import join_choices, write_markdown
from tf_lstm.terminal.flags import REPOSITORY, FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing these at run time would import TensorFlow before the flags are parsed
    from tf_lstm.data.dataset import Dataset
    from tf_lstm.results.records import Result
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

    ending = "" if precision == PRECISIONS[0] else f"-{precision}"
    folder = RUNS / "results" / f"{recipe.name}-{seed}{ending}"
    if (folder / "settings.json").exists():
        run = open_run(folder)
        require_training(run, recipe, seed, dataset, precision)
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


def require_training(
    run: "Run", recipe: Recipe, seed: int, dataset: "Dataset", precision: str
) -> None:
    """Raise a UserError unless a run is the training of these settings on this data."""
    from tf_lstm.results.records import settings_text

    pairs = {
        f"settings of {recipe.name}": (settings_text(run.recipe), settings_text(recipe)),
        "data": (run.settings.data.checksum, dataset.checksum),
        "seed": (run.settings.seed, seed),
        "precision": (run.settings.precision, precision),
    }
    if other := [name for name, (theirs, ours) in pairs.items() if theirs != ours]:
        raise UserError(f"{run.folder} was trained with other {join_choices(other)}: move it away.")


def result_of(run: "Run", seed: int, dataset: "Dataset") -> "Result":
    """The `Result` of a finished run of this script."""
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.plots.statistics import row_statistics
    from tf_lstm.results.records import Result, settings_text
    from tf_lstm.runs.published import read_test_accuracies

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
        recipe=run.recipe.name,
        seed=seed,
        data=dataset.name,
        validation_accuracy=round(validation_accuracy, 6),
        test_accuracy=round(test.accuracy, 6),
        seconds=round(sum(metrics.seconds for metrics in history), 1),
        settings=settings_text(run.recipe),
        test_readings=" ".join(f"{share:.4f}" for share in during_training.values()),
        precision=run.settings.precision,
        row_accuracies=row_accuracies,
    )


def describe_time_left(
    results: "Sequence[Result]", recipes: Sequence[Recipe], precision: str
) -> str:
    """The expected time for one run of each recipe; "" if a recipe has no results yet."""
    from tf_lstm.results.records import current_results

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
    from tf_lstm.plots.style import save_figure
    from tf_lstm.results.figure import results_figure
    from tf_lstm.results.records import Result, add_result, current_results, locked, read_results
    from tf_lstm.results.tables import all_tables

    def finished_seeds(recipe: Recipe) -> list[int]:
        results = read_results(flags.output, Result)
        own = current_results(results, recipe, precision=flags.precision)
        return [result.seed for result in own]

    dataset = load_dataset(flags.data)
    with locked(flags.output):  # reports a folder that cannot be written before training starts
        results = read_results(flags.output, Result)
    if other := {result.data for result in results} - {dataset.name}:
        raise UserError(
            f"{flags.output} holds results on {', '.join(sorted(other))}, and this is "
            f"{dataset.name}: name another --output."
        )
    # Seed by seed, so that an unfinished comparison has results of every recipe.
    missing = [
        (recipe, seed)
        for seed in range(flags.seed, flags.seed + flags.seeds)
        for recipe in recipes
        if seed not in finished_seeds(recipe)
    ]
    for index, (recipe, seed) in enumerate(missing):
        if seed in finished_seeds(recipe):  # another process has trained it meanwhile
            continue
        remaining = [recipe for recipe, _ in missing[index:]]
        results = read_results(flags.output, Result)
        left = describe_time_left(results, remaining, flags.precision)
        print(f"\n{recipe.name}, seed {seed}: run {index + 1} of {len(missing)}{left}", flush=True)
        started = time.monotonic()
        run = train_in_a_process(recipe, seed, dataset, flags.precision)
        add_result(flags.output, result_of(run, seed, dataset))
        print(f"{recipe.name}, seed {seed}: finished in {time.monotonic() - started:.0f} s")
    table = all_tables(flags.output, flags.data)
    write_markdown(flags.output.with_suffix(".md"), table)
    figure = results_figure(read_results(flags.output, Result))
    save_figure(figure, flags.output.with_suffix(".png"))
    print(f"\n{table}")


if __name__ == "__main__":
    run_script(main)
