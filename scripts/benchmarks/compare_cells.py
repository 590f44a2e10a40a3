"""Compare the cells on short and long sequences, with one learning rate and with the best for each.

Every network reads the same images in the same number of training steps, one epoch; what differs is
the number of time steps into which an image is divided. For each cell and length, every learning
rate is tried with the first seed. The rate that is best on the validation images and the usual one
are then trained with the other seeds. LSTMs on long sequences are also trained with other initial
forget biases. Finished runs are not repeated; an interrupted one is resumed.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tf_lstm.recipes import DEFAULT
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing these at run time would make `--help` slow
    from tf_lstm.results.records import Result

Bias = float | Literal["chrono"]
CELLS = ("lstm", "gru", "rnn")
TIME_STEPS = (28, 56, 112, 196, 392, 784)
LONG = 112  # time steps from which other forget biases are tried
FORGET_BIASES: tuple[Bias, ...] = (0.0, 1.0, 3.0, "chrono")
# The default's 8e-3 was chosen for batches of 256; half of both is as accurate.
BATCH_SIZE, USUAL_RATE = 128, 4e-3
LEARNING_RATES = (1e-3, USUAL_RATE, 1.2e-2)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    flag = parser.flag
    flag("--cells", "the cells", CELLS, nargs="+", choices=CELLS, shown=" ".join(CELLS))
    flag("--time-steps", "the numbers of time steps", TIME_STEPS, nargs="+", type=int,
         choices=TIME_STEPS, shown=" ".join(map(str, TIME_STEPS)))  # fmt: skip
    flag("--seeds", "runs of each cell and length", 3, type=number(int, 1, 100))
    flag("--biases", "also train LSTMs on long sequences with other forget biases", False)
    parser.add_data()
    parser.add_output("figures/gallery/cells.csv", ".csv", help="file of all finished runs, with "
                      "tables (.md) and a figure (.png) beside it")  # fmt: skip
    return parser.parse_args()


def recipe_of(cell: str, time_steps: int, learning_rate: float, forget_bias: Bias = 1.0) -> Recipe:
    """The settings of one training."""
    return replace(
        DEFAULT,
        cell=cell,
        time_steps=time_steps,
        forget_bias=forget_bias,
        learning_rate=learning_rate,
        epochs=1,
        batch_size=BATCH_SIZE,
    )


def run_name(recipe: Recipe) -> str:
    """The name of a training's folder, without the seed."""
    bias = "" if recipe.forget_bias == 1.0 else f"-bias-{recipe.forget_bias}"
    return f"{recipe.cell}-{recipe.time_steps}{bias}-rate-{recipe.learning_rate:g}"


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.plots.style import save_figure
    from tf_lstm.results.cells import biases_table, cells_figure, cells_table, chosen_rate
    from tf_lstm.results.records import Result, add_result, current_results, locked, read_results
    from tf_lstm.results.training import result_of, train_in_a_process

    dataset = load_dataset(flags.data)
    with locked(flags.output):  # reports a folder that cannot be written before training starts
        results = read_results(flags.output, Result)
    if other := {result.data for result in results} - {dataset.name}:
        raise UserError(
            f"{flags.output} holds results on {', '.join(sorted(other))}, and this is "
            f"{dataset.name}: name another --output."
        )

    def train_missing(recipe: Recipe, seed: int) -> "Result":
        results = read_results(flags.output, Result)
        for finished in current_results(results, recipe):
            if finished.seed == seed:
                return finished
        name = run_name(recipe)
        print(f"\n{name}, seed {seed}", flush=True)
        run = train_in_a_process(recipe, seed, dataset, name=name)
        result = result_of(run, dataset, f"{recipe.cell}-{recipe.time_steps}")
        add_result(flags.output, result)
        return result

    def train_all_rates(cell: str, time_steps: int, forget_bias: Bias = 1.0) -> None:
        recipes = [recipe_of(cell, time_steps, rate, forget_bias) for rate in LEARNING_RATES]
        best = chosen_rate([train_missing(recipe, 0) for recipe in recipes])
        for seed in range(1, flags.seeds):
            for recipe in recipes:
                if recipe.learning_rate in (USUAL_RATE, best):
                    train_missing(recipe, seed)

    for time_steps in flags.time_steps:
        for cell in flags.cells:
            train_all_rates(cell, time_steps)
        if flags.biases and time_steps >= LONG:
            for forget_bias in FORGET_BIASES:
                train_all_rates("lstm", time_steps, forget_bias)
    results = read_results(flags.output, Result)
    tables = cells_table(results, USUAL_RATE), biases_table(results)
    write_markdown(flags.output.with_suffix(".md"), "\n".join(filter(None, tables)))
    save_figure(cells_figure(results, USUAL_RATE), flags.output.with_suffix(".png"))
    print("\n" + "\n".join(tables))


if __name__ == "__main__":
    run_script(main)
