"""Measure how large the gradient still is when it has flowed back to each row.

For every cell and number of time steps, this trains the recipe `default` with few epochs, and then
measures the network with its initial weights and with the trained ones: the norm of the gradient of
the loss after the last row with respect to the state after every row, relative to the last row's,
for 2,000 test images. It writes a figure, with a table (.md) and all numbers (.csv) beside it. The
trained runs are kept in runs/gradients and are not repeated.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tf_lstm.recipes import DEFAULT
from tf_lstm.settings import CELLS, WITHOUT_FORGET_GATE, Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown, write_table
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow
from tf_lstm.terminal.tables import markdown_table

if TYPE_CHECKING:  # importing these at run time would make `--help` slow
    import numpy as np

    from tf_lstm.data.dataset import Dataset
    from tf_lstm.engines.names import EngineName
    from tf_lstm.model import RowClassifier
    from tf_lstm.plots.gradients import GradientNorm
    from tf_lstm.runs.run import Run

FORGET_BIASES, TIME_STEPS = (0.0, 1.0, 3.0), (28, 112)
IMAGES, BATCH_SIZE = 2_000, 100  # test images; a batch of 784 time steps takes 2.5 GB


def parse_flags() -> argparse.Namespace:
    """Parse the command line; `recipes` holds what it describes."""
    parser = FlagParser(__doc__)
    flag = parser.flag
    flag("--cells", f"cells to train: {', '.join(CELLS)}", ["lstm", "gru", "rnn"], nargs="+",
         choices=CELLS, metavar="CELL", shown="lstm gru rnn")  # fmt: skip
    flag("--forget-biases", "initial biases of the forget gates of an LSTM", FORGET_BIASES,
         nargs="+", type=number(float, -20, 20), shown="0 1 3")  # fmt: skip
    flag("--time-steps", "lengths of the sequence into which an image is divided", TIME_STEPS,
         nargs="+", type=number(int, 1, 784), shown="28 112")  # fmt: skip
    flag("--epochs", "epochs of every training", 2, type=number(int, 1, 1000))
    flag("--seeds", "number of runs of every network", 1, type=number(int, 1, 1000))
    parser.add_data()
    parser.add_output("figures/gradients_through_time.png", ".png", ".svg", ".pdf")
    flags = parser.parse_args()
    try:
        flags.recipes = [*recipes_of(flags)]
    except ValueError as error:
        parser.error(f"argument --time-steps: {error}")
    return flags


def recipes_of(flags: argparse.Namespace) -> Iterator[Recipe]:
    """A recipe for each length, cell and, if the cell has a forget gate, forget bias."""
    for time_steps in dict.fromkeys(flags.time_steps):
        for cell in dict.fromkeys(flags.cells):
            biases = (1.0,) if cell in WITHOUT_FORGET_GATE else dict.fromkeys(flags.forget_biases)
            for bias in biases:
                name = cell if cell in WITHOUT_FORGET_GATE else f"{cell}-bias-{bias:g}"
                yield replace(
                    DEFAULT,
                    name=f"{name}-{time_steps}-steps-{flags.epochs}-epochs",
                    cell=cell,
                    forget_bias=bias,
                    time_steps=time_steps,
                    epochs=flags.epochs,
                )


def network_name(recipe: Recipe) -> str:
    """What the figure and the table call a network."""
    from tf_lstm.plots.style import CELL_NAMES  # here: importing matplotlib makes --help slow

    name = CELL_NAMES.get(recipe.cell, recipe.cell)
    bias = f", forget bias {recipe.forget_bias:g}"
    return name if recipe.cell in WITHOUT_FORGET_GATE else name + bias


def trained_run(recipe: Recipe, seed: int, dataset: "Dataset") -> "Run":
    """The finished run of a recipe, which is trained or resumed first if necessary.

    Raises:
        UserError: its folder holds a run with other settings or data.
    """
    from tf_lstm.results.records import settings_text
    from tf_lstm.runs.locate import RUNS, open_run
    from tf_lstm.runs.training import resume_run, train_run

    folder = RUNS / "gradients" / f"{recipe.name}-seed-{seed}"
    if not (folder / "settings.json").exists():
        engine: EngineName = "folded" if recipe.cell == "lstm" else "cell"
        return train_run(dataset, recipe, folder, seed=seed, engine=engine, quiet=True)
    run = open_run(folder)
    theirs = settings_text(run.recipe), run.settings.seed, run.settings.data.checksum
    if theirs != (settings_text(recipe), seed, dataset.checksum):
        raise UserError(f"{folder} was trained with other settings or other data: move it away.")
    return run if run.is_finished else resume_run(folder, dataset.source, quiet=True)


def in_float64(model: "RowClassifier") -> "RowClassifier":
    """The same network in float64: in float32, squares of gradients below 1e-23 would be 0."""
    import tensorflow as tf

    from tf_lstm.engines.build import build_model

    copy = build_model(model.recipe, engine="gates", dtype=tf.float64)
    for name, variable in copy.variables_by_name.items():
        variable.assign(tf.cast(model.variables_by_name[name], tf.float64))
    return copy


def norms_by_row(
    model: "RowClassifier", images: "np.ndarray", labels: "np.ndarray"
) -> "dict[str, np.ndarray]":
    """The norm (n, time steps) of every image's gradient, by the part of the last layer's state."""
    import numpy as np

    from tf_lstm.inside import gradients_through_time

    model, batches = in_float64(model), []
    for start in range(0, len(labels), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        gradients = gradients_through_time(model, images[batch], labels[batch])[-1]
        batches.append({name: np.linalg.norm(each, axis=2) for name, each in gradients.items()})
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def measure(
    model: "RowClassifier", seed: int, training: str, dataset: "Dataset"
) -> "Iterator[GradientNorm]":
    """A `GradientNorm` for every part of the state and every row."""
    import numpy as np

    from tf_lstm.plots.gradients import GradientNorm

    test = dataset.test
    norms = norms_by_row(model, test.images[:IMAGES], test.labels[:IMAGES])
    for state, own in norms.items():
        quartiles = np.quantile(own / own[:, -1:], (0.25, 0.5, 0.75), axis=0)
        total = np.linalg.norm(own, axis=0) / np.linalg.norm(own[:, -1])
        for row, values in enumerate(zip(*quartiles, total, strict=True), start=1):
            name, time_steps = network_name(model.recipe), model.recipe.time_steps
            rounded = (float(f"{value:.3g}") for value in values)
            yield GradientNorm(name, time_steps, seed, training, state, row, *rounded)


def describe(values: Sequence[float], number_format: Callable[[float], str]) -> str:
    """A number, or the range of several seeds' numbers."""
    ends = dict.fromkeys(map(number_format, (min(values), max(values))))
    return " to ".join(ends)


def short(value: float) -> str:
    """Two significant digits."""
    return f"{value:.2g}".replace("e-0", "e-").replace("e+0", "e")


def norms_table(
    norms: "Sequence[GradientNorm]", accuracies: dict[tuple[str, int], list[float]]
) -> str:
    """The norms after the first row, with the test accuracies, as Markdown."""
    first = [norm for norm in norms if norm.row == 1]
    rows = []
    for (network, time_steps), shares in accuracies.items():
        own = [norm for norm in first if (norm.network, norm.time_steps) == (network, time_steps)]
        for state in dict.fromkeys(norm.state for norm in own):
            values = []
            for training in ("before", "after"):
                mine = [norm for norm in own if (norm.state, norm.training) == (state, training)]
                for name in ("median", "total"):
                    values.append(describe([getattr(norm, name) for norm in mine], short))
            accuracy = describe([100 * share for share in shares], "{:.2f}".format)
            rows.append((time_steps, network, f"`{state}`", *values, accuracy))
    columns = (
        "time steps | network | state | before: median image | before: all images | "
        "after: median image | after: all images | test accuracy (%)"
    )
    return markdown_table(columns, "rllrrrrr", rows)


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.engines.build import build_model
    from tf_lstm.plots.gradients import GradientNorm, gradients_figure
    from tf_lstm.plots.style import save_figure

    dataset = load_dataset(flags.data)
    norms: list[GradientNorm] = []
    accuracies: dict[tuple[str, int], list[float]] = {}
    trainings = [(recipe, seed) for recipe in flags.recipes for seed in range(flags.seeds)]
    for index, (recipe, seed) in enumerate(trainings, start=1):
        name, time_steps = network_name(recipe), recipe.time_steps
        print(f"{index}/{len(trainings)}  {name}, {time_steps} time steps, seed {seed}", flush=True)
        run = trained_run(recipe, seed, dataset)
        accuracies.setdefault((name, time_steps), []).append(run.read_result().accuracy)
        norms += measure(build_model(recipe, seed), seed, "before", dataset)
        norms += measure(run.kept_model(), seed, "after", dataset)
    count = min(IMAGES, len(dataset.test.labels))
    epochs = "1 epoch" if flags.epochs == 1 else f"{flags.epochs} epochs"
    seeds = "1 seed" if flags.seeds == 1 else f"{flags.seeds} seeds"
    about = f"{dataset.name}, {count:,} test images, {epochs}, {seeds}"
    table = norms_table(norms, accuracies)
    explanation = (
        "The norm of the gradient of the loss after the last row with respect to a part of the "
        "state after the first row, relative to that after the last row, before and after "
        "training. Median image: the median of each image's own ratio. All images: the ratio of "
        "the norms of all images' gradients together."
    )
    write_markdown(flags.output.with_suffix(".md"), f"{about}. {explanation}\n\n{table}")
    write_table(flags.output.with_suffix(".csv"), GradientNorm._fields, norms)
    title = f"Gradient through time: {about}"
    explanation = (
        "The norm of the gradient of the last row's loss with respect to the hidden state after "
        "every row, relative to the last row's.\nSolid: the median image's own ratio. Dotted: of "
        "all images together, in which those with a large loss count most."
    )
    save_figure(gradients_figure(norms, title, explanation), flags.output)
    print(f"\n{table}")


if __name__ == "__main__":
    run_script(main)
