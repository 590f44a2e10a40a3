"""Show how a trained network's prediction forms while it reads an image row by row."""

import sys
from functools import partial
from pathlib import Path

# A 4 of MNIST's test images that looks like a 6 until its second stroke begins.
INSTRUCTIVE_INDEX = 1938

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tf_lstm.command_line import FlagParser, number, run_script
from tf_lstm.errors import UserError


def parse_flags():
    parser = FlagParser(__doc__)
    flag = parser.flag

    flag("--run", "the newest", "folder of the run whose network to use", metavar="FOLDER")
    what = parser.add_mutually_exclusive_group()
    for name, text in (
        ("--depth", "one image in depth: heat map, confidence and entropy row by row"),
        ("--animate", "one image as an animation that uncovers it row by row"),
        ("--summary", "all images: when the answer forms, how well and how surely; and CSV tables"),
    ):
        what.add_argument(name, help=f"{text} (default: a chart for each row)", action="store_true")
    flag(
        "--compare",
        "none",
        "another run to draw into --summary, may be repeated",
        action="append",
        default=[],
        metavar="FOLDER",
    )
    flag(
        "--reference",
        "none",
        "a CSV file of train_reference.py to draw into --summary",
        metavar="FILE",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--index",
        type=number(int, 0, 10**9),
        metavar="N",
        help=f"number of the image, from 0 (default: {INSTRUCTIVE_INDEX}, a 4, in MNIST)",
    )
    which.add_argument(
        "--digit",
        type=number(int, 0, 9),
        metavar="D",
        help="the first image of this digit (default: 4, of other images than MNIST's)",
    )
    which.add_argument(
        "--image",
        metavar="FILE",
        help="a picture of a digit of your own, PNG or JPEG for example (default: none)",
    )
    flag(
        "--split",
        "test",
        "which images to choose from",
        choices=("train", "validation", "test"),
        default="test",
    )
    flag("--data", "what the run was trained on", "data to take the image from", metavar="PATH")
    flag(
        "--output",
        "figures/row_predictions.png, row_depth.png, row_predictions.gif, row_summary.png",
        "file to write: .png, .svg or .pdf; .gif with --animate",
        type=Path,
        metavar="FILE",
    )
    flag("--show", "off", "open a window with the figure, too", action="store_true")
    flags = parser.parse_args()
    if flags.animate and flags.show:
        parser.error("--show cannot show an animation: open its file")
    if flags.summary and not (flags.index is flags.digit is flags.image is None):
        parser.error("--summary is about all images: leave --index, --digit and --image out")
    if flags.compare and not flags.summary:
        parser.error("--compare draws into the figure of --summary: add that")
    if flags.reference and not flags.summary:
        parser.error("--reference is drawn into the figure of --summary: add that")
    if flags.output is None:
        name = "row_predictions.gif" if flags.animate else "row_predictions.png"
        name = "row_depth.png" if flags.depth else "row_summary.png" if flags.summary else name
        flags.output = REPOSITORY / "figures" / name
    return flags


def choose_image(dataset, split, index, digit):
    """The number of the image to show: `index`, or the first of `digit`, or an instructive 4."""
    labels = getattr(dataset, split).labels
    if index is None and digit is None and (dataset.name, split) == ("MNIST", "test"):
        return INSTRUCTIVE_INDEX
    if index is None:
        digit = 4 if digit is None else digit
        of_digit = (labels == digit).nonzero()[0]
        if not len(of_digit):
            raise UserError(f"No {split} image shows a {digit}: choose another --digit.")
        return int(of_digit[0])
    if index >= len(labels):
        raise UserError(
            f"--index {index} is too large: there are {len(labels):,} {split} images, from 0 on."
        )
    return index


def read_image(flags, run):
    """The image to show (28, 28), its label or None, and a title for it."""
    if flags.image is not None:
        from tf_lstm.handwriting import prepare_digit

        return prepare_digit(flags.image), None, f"{Path(flags.image).name}, as the network sees it"

    from tf_lstm.data import load_dataset

    dataset = load_dataset(flags.data or run.settings["data"]["source"], run.recipe.validation)
    split = getattr(dataset, flags.split)
    index = choose_image(dataset, flags.split, flags.index, flags.digit)
    title = f"{dataset.name}, {flags.split} image {index}"
    return split.images[index], int(split.labels[index]), title


def plot_image(flags, run):
    """Draw one image's row predictions; return the figure, if it is one, and its title."""
    from tf_lstm.depth_figure import row_depth_figure, save_animation
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.figures import row_predictions_figure, save_figure

    model = run.best_model()
    image, label, title = read_image(flags, run)
    probabilities = row_predictions(model, image[None])[0]  # (time steps, classes)
    shown = (image, label, probabilities, f"{title}, read by {run.folder.name}")
    if flags.animate:
        save_animation(*shown, flags.output)
        return None, shown[-1]
    figure = (row_depth_figure if flags.depth else row_predictions_figure)(*shown)
    save_figure(figure, flags.output)
    return figure, shown[-1]


def plot_summary(flags, run):
    """Draw what all images' row predictions have in common; return the figure and its title."""
    from tf_lstm.data import load_dataset
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.figures import save_figure
    from tf_lstm.row_statistics import count_rows
    from tf_lstm.runs import open_run
    from tf_lstm.summary_figure import row_summary_figure
    from tf_lstm.summary_tables import read_reference, save_tables

    runs = [run, *(open_run(folder) for folder in flags.compare)]
    models = [each.best_model() for each in runs]
    dataset = load_dataset(flags.data or run.settings["data"]["source"], run.recipe.validation)
    split = getattr(dataset, flags.split)
    if not len(split.labels):
        raise UserError(f"There are no {flags.split} images: choose another --split.")
    reference = read_reference(flags.reference, dataset.name) if flags.reference else ()
    if len({each.folder.name for each in runs}) < len(runs):
        raise UserError("Two runs of --summary have the same name: rename a folder.")
    counts = {
        each.folder.name: count_rows(partial(row_predictions, model), split.images, split.labels)
        for each, model in zip(runs, models, strict=True)
    }
    images = f"{len(split.labels):,} {flags.split} images"
    title = f"{dataset.name}, {images}, read by {run.folder.name}"
    figure = row_summary_figure(counts, title, [each.recipe.loss_rows for each in runs], reference)
    save_figure(figure, flags.output)
    save_tables(counts, flags.output.with_suffix(""))
    return figure, title


def main():
    flags = parse_flags()

    from tf_lstm.startup import import_tensorflow

    import_tensorflow()
    from tf_lstm.console import short_path
    from tf_lstm.figures import show_figure
    from tf_lstm.runs import open_run

    run = open_run(flags.run)
    for each in (run, *map(open_run, flags.compare)):
        each.require_rows()
    figure, title = (plot_summary if flags.summary else plot_image)(flags, run)
    print(f"{title}: {short_path(flags.output)}")
    if flags.show:
        show_figure(figure)


if __name__ == "__main__":
    run_script(main)
