"""Plot how a trained network's prediction forms as it reads an image row by row.

By default, one image: a chart of the probabilities after each row.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.flags import REPOSITORY, FlagParser, number
from tf_lstm.terminal.progress import short_path
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing these at run time would import TensorFlow before the flags are parsed
    import numpy as np
    from matplotlib.figure import Figure

    from tf_lstm.data.dataset import Dataset
    from tf_lstm.runs.run import Run

# A 4 of MNIST's test images that looks like a 6 until enough of its second stroke is read.
INSTRUCTIVE_INDEX = 1938


def parse_flags() -> argparse.Namespace:
    """Parse and check the command line; `output` is always set."""
    parser = FlagParser(__doc__)
    flag = parser.flag
    parser.add_run()
    kind = parser.add_mutually_exclusive_group()
    flag("--depth", "plot one image in depth: heat map, confidence and entropy by row", False,
         group=kind)  # fmt: skip
    flag("--diagram", "plot the network unrolled over the rows of one image", False,
         group=kind)  # fmt: skip
    flag("--animate", "animate one image: it is revealed row by row", False, group=kind)
    flag("--summary", "plot all images: accuracy, commit rows, early stopping, confusion and "
         "calibration; and write the numbers as CSV tables", False, group=kind)  # fmt: skip
    flag("--compare", "another run to compare with in --summary; may be repeated", [],
         action="append", metavar="FOLDER")  # fmt: skip
    flag("--reference", "a CSV file written by benchmarks/reference_networks.py, to plot in "
         "--summary", metavar="FILE")  # fmt: skip
    choice = parser.add_mutually_exclusive_group()
    flag("--index", "index of the image, from 0", shown=f"{INSTRUCTIVE_INDEX}, a 4, in MNIST",
         group=choice, type=number(int, 0, 10**9))  # fmt: skip
    flag("--digit", "the first image of this digit or class",
         shown="4, in other data than MNIST", group=choice, type=number(int, 0, 9))  # fmt: skip
    flag("--image", "your own picture of a digit, such as a PNG or JPEG file", group=choice,
         metavar="FILE")  # fmt: skip
    flag("--split", "the images to choose from", "test", choices=("train", "validation", "test"))
    parser.add_data("data to take the image from, as in train_mnist.py", shown="the run's own")
    parser.add_output(
        None, ".png", ".svg", ".pdf", ".gif", help="file to write, .gif with --animate only",
        shown="row_predictions.png, row_depth.png, network.png, row_predictions.gif or "
        "row_summary.png in figures/",
    )  # fmt: skip
    flag("--show", "also open a window with the figure", False)
    flags = parser.parse_args()
    check_combinations(parser, flags)
    if flags.output is None:
        names = {"row_depth": flags.depth, "row_summary": flags.summary, "network": flags.diagram}
        name = next((name for name, chosen in names.items() if chosen), "row_predictions")
        suffix = ".gif" if flags.animate else ".png"
        flags.output = REPOSITORY / "figures" / (name + suffix)
    return flags


def check_combinations(parser: argparse.ArgumentParser, flags: argparse.Namespace) -> None:
    """Refuse flags that contradict each other."""
    if flags.animate and flags.show:
        parser.error("--show cannot show an animation: leave it out, and open the file")
    if flags.summary and not (flags.index is flags.digit is flags.image is None):
        parser.error("--summary plots all images: leave out --index, --digit and --image")
    for name in ("compare", "reference"):
        if getattr(flags, name) and not flags.summary:
            parser.error(f"--{name} is for --summary: leave it out, or add that")
    if flags.output and flags.animate != (flags.output.suffix.lower() == ".gif"):
        parser.error(f"--output {flags.output}: end its name in .gif with --animate, and only then")


def choose_index(dataset: "Dataset", flags: argparse.Namespace, names: tuple[str, ...]) -> int:
    """The index of the image to show: --index, or the first of --digit, or an instructive 4."""
    labels, index = getattr(dataset, flags.split).labels, flags.index
    if index is None and flags.digit is None and (dataset.name, flags.split) == ("MNIST", "test"):
        return INSTRUCTIVE_INDEX
    if index is None:
        digit = 4 if flags.digit is None else flags.digit
        indices = (labels == digit).nonzero()[0]
        if not len(indices):
            raise UserError(f"No {flags.split} image is a {names[digit]}: choose another --digit.")
        return int(indices[0])
    if index >= len(labels):
        raise UserError(
            f"--index {index} is too large: there are {len(labels):,} {flags.split} images, and "
            "indices start at 0."
        )
    return index


def load_data(flags: argparse.Namespace, run: "Run") -> "Dataset":
    """The data that --data names, or the run's own."""
    from tf_lstm.data.dataset import load_dataset

    return load_dataset(flags.data or run.settings["data"]["source"], run.recipe.validation)


def read_image(flags: argparse.Namespace, run: "Run") -> tuple["np.ndarray", int | None, str]:
    """The image to show (28, 28) uint8, its label or None, and a title for it."""
    if flags.image is not None:
        from tf_lstm.data.photo import prepare_photo

        return prepare_photo(flags.image), None, f"{Path(flags.image).name}, as the network sees it"

    dataset = load_data(flags, run)
    split, index = getattr(dataset, flags.split), choose_index(dataset, flags, run.class_names)
    title = f"{dataset.name}, {flags.split} image {index}"
    return split.images[index], int(split.labels[index]), title


def plot_image(flags: argparse.Namespace, run: "Run") -> tuple["Figure | None", str]:
    """Plot one image's row predictions.

    Returns:
        The figure, or None for an animation, which is saved already; and its title.
    """
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.plots.animation import save_animation
    from tf_lstm.plots.depth import row_depth_figure
    from tf_lstm.plots.network import network_figure
    from tf_lstm.plots.row_predictions import row_predictions_figure

    model = run.best_model()
    image, label, title = read_image(flags, run)
    title = f"{title}, read by {run.folder.name}"
    probabilities = row_predictions(model, image[None])[0]  # (time steps, classes)
    if flags.animate:
        save_animation(image, label, probabilities, title, flags.output, run.class_names)
        return None, title
    if flags.diagram:
        return network_figure(image, probabilities), title
    new_figure = row_depth_figure if flags.depth else row_predictions_figure
    return new_figure(image, label, probabilities, title, run.class_names), title


def plot_summary(flags: argparse.Namespace, runs: list["Run"]) -> tuple["Figure", str]:
    """Plot statistics of all images' row predictions, and write their tables.

    Returns:
        The figure and its title.
    """
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.plots.statistics import count_rows
    from tf_lstm.plots.summary import row_summary_figure
    from tf_lstm.plots.summary_tables import read_reference, save_tables

    names = [run.folder.name for run in runs]
    if len(set(names)) < len(names):
        raise UserError("Two runs of --summary have the same name: rename a folder.")
    models = [run.best_model() for run in runs]
    dataset = load_data(flags, runs[0])
    split = getattr(dataset, flags.split)
    if not len(split.labels):
        raise UserError(f"There are no {flags.split} images: choose another --split.")
    reference = read_reference(flags.reference, dataset.name) if flags.reference else ()
    counts_by_run = {
        name: count_rows(partial(row_predictions, model), split.images, split.labels)
        for name, model in zip(names, models, strict=True)
    }
    title = f"{dataset.name}, {len(split.labels):,} {flags.split} images, read by {names[0]}"
    loss_rows = [run.recipe.loss_rows for run in runs]
    save_tables(counts_by_run, flags.output.with_suffix(""))
    classes = runs[0].class_names
    return row_summary_figure(counts_by_run, title, loss_rows, reference, classes), title


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    from tf_lstm.plots.style import save_figure, show_figure
    from tf_lstm.runs.locate import open_run

    runs = [open_run(folder) for folder in (flags.run, *flags.compare)]
    for run in runs:
        run.require_rows()
    figure, title = plot_summary(flags, runs) if flags.summary else plot_image(flags, runs[0])
    if figure is not None:
        save_figure(figure, flags.output)
    print(f"{title}: {short_path(flags.output)}")
    if figure is not None and flags.show:
        show_figure(figure)


if __name__ == "__main__":
    run_script(main)
