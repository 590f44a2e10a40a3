"""Plot how a trained network's prediction forms as it reads an image row by row.

By default, one image: a chart of the probabilities after each row.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import join_choices
from tf_lstm.terminal.flags import REPOSITORY, FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow

GRID = "row_predictions.png"
KINDS = {  # the flags for other figures: the file's default name, and the help
    "depth": ("row_depth.png", "plot one image in depth: heat map, confidence and entropy by row"),
    "gates": ("gates.png", "plot the gates, the states and the evidence of every row of one image"),
    "saliency": (
        "saliency.png",
        "plot which pixels moved the prediction, and how long the network remembers a row",
    ),
    "diagram": ("network.png", "plot the network unrolled over the rows of one image"),
    "animate": ("row_predictions.gif", "animate one image: it is revealed row by row"),
    "summary": (
        "row_summary.png",
        "plot all images: accuracy, commit rows, early exit, confusion and calibration; and "
        "write the numbers as CSV tables",
    ),
}


def parse_flags() -> argparse.Namespace:
    """Parse and check the command line; `kind` is one of `KINDS` or None, `output` always set."""
    parser = FlagParser(__doc__)
    flag = parser.flag
    parser.add_run()
    kind = parser.add_mutually_exclusive_group()
    for name, (_, help) in KINDS.items():
        options = {"action": "store_const", "dest": "kind", "const": name}
        flag(f"--{name}", help, shown="off", group=kind, **options)
    flag("--layer", "the layer to plot in --gates, from 1", shown="the last",
         type=number(int, 1, 100))  # fmt: skip
    flag("--compare", "another run to compare with in --summary; may be repeated", [],
         action="append", metavar="FOLDER")  # fmt: skip
    flag("--reference", "a CSV file written by benchmarks/reference_networks.py, to plot in "
         "--summary", metavar="FILE")  # fmt: skip
    choice = parser.add_mutually_exclusive_group()
    flag("--index", "index of the image, from 0", shown="1938, a 4, in MNIST", group=choice,
         type=number(int, 0, 10**9))  # fmt: skip
    flag("--digit", "the first image of this digit, or of the class with this number",
         shown="4, in data other than MNIST", group=choice, type=number(int, 0, 61))  # fmt: skip
    flag("--image", "your own picture of a digit, such as a PNG or JPEG file", group=choice,
         metavar="FILE")  # fmt: skip
    flag("--split", "the images to choose from", "test", choices=("train", "validation", "test"))
    parser.add_data("data to take the image from, as in train_mnist.py", shown="the run's own")
    names = [GRID, *(name for name, _ in KINDS.values())]
    parser.add_output(
        None, ".png", ".svg", ".pdf", ".gif", help="file to write, .gif with --animate only",
        shown=f"{join_choices(names)} in figures/",
    )  # fmt: skip
    flag("--show", "also open a window with the figure", False)
    flags = parser.parse_args()
    check_combinations(parser, flags)
    if flags.output is None:
        flags.output = REPOSITORY / "figures" / (KINDS[flags.kind][0] if flags.kind else GRID)
    return flags


def check_combinations(parser: argparse.ArgumentParser, flags: argparse.Namespace) -> None:
    """Refuse flags that contradict each other."""
    animate, summary = flags.kind == "animate", flags.kind == "summary"
    if animate and flags.show:
        parser.error("--show cannot show an animation: leave it out, and open the file")
    if summary and not (flags.index is flags.digit is flags.image is None):
        parser.error("--summary plots all images: leave out --index, --digit and --image")
    for name, kind in (("compare", "summary"), ("reference", "summary"), ("layer", "gates")):
        if getattr(flags, name) and flags.kind != kind:
            parser.error(f"--{name} needs --{kind}: add that flag, or leave out --{name}")
    if flags.output and animate != (flags.output.suffix.lower() == ".gif"):
        parser.error(
            f"--output {flags.output} must end in .gif with --animate, and otherwise must not"
        )


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    from tf_lstm.commands.plot import plot

    plot(flags)


if __name__ == "__main__":
    run_script(main)
