"""Show how a trained network's prediction forms while it reads an image row by row."""

import argparse
import sys
from pathlib import Path

# A 4 of MNIST's test images that looks like a 6 until its second stroke begins.
INSTRUCTIVE_INDEX = 1938

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tf_lstm.command_line import number, run_script
from tf_lstm.errors import UserError


def parse_flags():
    parser = argparse.ArgumentParser(description=__doc__)

    def flag(name, shown_default, text, **options):
        parser.add_argument(name, help=f"{text} (default: {shown_default})", **options)

    flag("--run", "the newest", "folder of the run whose network to use", metavar="FOLDER")
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
        "figures/row_predictions.png",
        "file to write: .png, .svg or .pdf",
        type=Path,
        default=REPOSITORY / "figures" / "row_predictions.png",
        metavar="FILE",
    )
    flag("--show", "off", "open a window with the figure, too", action="store_true")
    return parser.parse_args()


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


def main():
    flags = parse_flags()

    from tf_lstm.startup import import_tensorflow

    import_tensorflow()
    from tf_lstm.console import short_path
    from tf_lstm.data import load_dataset
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.figures import row_predictions_figure, save_figure, show_figure
    from tf_lstm.runs import open_run

    run = open_run(flags.run)
    model = run.best_model()
    dataset = load_dataset(flags.data or run.settings["data"]["source"], run.recipe.validation)
    split = getattr(dataset, flags.split)
    index = choose_image(dataset, flags.split, flags.index, flags.digit)

    probabilities = row_predictions(model, split.images[index : index + 1])[
        0
    ]  # (time steps, classes)
    title = f"{dataset.name}, {flags.split} image {index}, read by {run.folder.name}"
    figure = row_predictions_figure(
        split.images[index], int(split.labels[index]), probabilities, title
    )
    save_figure(figure, flags.output)
    print(f"{title}: {short_path(flags.output)}")
    if flags.show:
        show_figure(figure)


if __name__ == "__main__":
    run_script(main)
