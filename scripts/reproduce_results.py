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
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing these at run time would import TensorFlow before the flags are parsed
    from tf_lstm.results.records import Result

LONG_RECIPES = ("pixels", "pixels-permuted")  # trained only if named


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
    from tf_lstm.results.training import result_of, train_in_a_process

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
        add_result(flags.output, result_of(run, dataset))
        print(f"{recipe.name}, seed {seed}: finished in {time.monotonic() - started:.0f} s")
    table = all_tables(flags.output, flags.data)
    write_markdown(flags.output.with_suffix(".md"), table)
    figure = results_figure(read_results(flags.output, Result))
    save_figure(figure, flags.output.with_suffix(".png"))
    print(f"\n{table}")


if __name__ == "__main__":
    run_script(main)
