"""What a training prints: what is trained, how it goes, and what came of it."""

import math
import sys
from pathlib import Path


def short_path(path):
    """A path as a person would type it here: relative where it lies below the current folder."""
    path = Path(path)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def describe_data(dataset):
    """Which data, where from, and how many images for what: two lines."""
    return (
        f"data     {dataset.name}   (--data {short_path(dataset.source)})\n"
        f"         {len(dataset.train.labels):,} images to train on, "
        f"{len(dataset.validation.labels):,} to validate, {len(dataset.test.labels):,} to test"
    )


def describe_variables(variables_by_name):
    """A table of every trained variable, its shape and how many numbers it holds, as one string."""
    rows = [
        (name, " × ".join(map(str, variable.shape)), f"{math.prod(variable.shape):,}")
        for name, variable in variables_by_name.items()
    ]
    total = sum(math.prod(variable.shape) for variable in variables_by_name.values())
    rows = [("variable", "shape", "parameters"), *rows, ("all", "", f"{total:,}")]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"  {name:{widths[0]}}  {shape:>{widths[1]}}  {count:>{widths[2]}}"
        for name, shape, count in rows
    )


def describe_digits(accuracy_per_digit):
    """The accuracy on the images of each digit, as one string of two lines."""
    return (
        "  digit     " + "".join(f"{digit:>8}" for digit in range(len(accuracy_per_digit))) + "\n"
        "  accuracy  " + "".join(f"{100 * accuracy:7.2f}%" for accuracy in accuracy_per_digit)
    )


def describe_epoch(epochs, row):
    """One line on an epoch, from its row of the history."""
    line = (
        f"epoch {row['epoch']:{len(str(epochs))}}/{epochs}   train loss {row['train_loss']:.4f}  "
        f"accuracy {100 * row['train_accuracy']:6.2f} %"
    )
    if not math.isnan(row["validation_loss"]):
        line += (
            f"   validation loss {row['validation_loss']:.4f}  "
            f"accuracy {100 * row['validation_accuracy']:6.2f} %"
        )
    return f"{line}   {row['seconds']:.1f} s"


class ProgressLine:
    """One line on a terminal that is written over again and again; nothing in a log file.

    Args:
        shown: whether to write at all, where standard output is a terminal.
    """

    def __init__(self, shown=True):
        self.shown = shown and sys.stdout.isatty()
        self.width = 0

    def write(self, text):
        """Show `text` in place of what the line showed before."""
        if self.shown:
            print(f"\r{text:{self.width}}", end="", flush=True)
            self.width = len(text)

    def clear(self):
        """Leave an empty line to whatever is printed next."""
        self.write("")
        if self.shown:
            print("\r", end="", flush=True)
        self.width = 0
