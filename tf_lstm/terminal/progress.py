"""What training prints: its data and variables, its progress, and its results."""

import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

    from tf_lstm.data.dataset import Dataset
    from tf_lstm.train_loop import EpochMetrics


def short_path(path: str | Path) -> Path:
    """The path relative to the current folder if it lies below it, else unchanged."""
    path = Path(path)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def describe_data(dataset: "Dataset") -> str:
    """The dataset's name, source and number of images, in two lines."""
    return (
        f"data     {dataset.name}   (--data {short_path(dataset.source)})\n"
        f"         {len(dataset.train.labels):,} images to train on, "
        f"{len(dataset.validation.labels):,} to validate, {len(dataset.test.labels):,} to test"
    )


def describe_variables(variables_by_name: Mapping[str, "tf.Variable"]) -> str:
    """A table of every trained variable with its shape and number of parameters."""
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


def describe_classes(accuracy_per_class: Sequence[float], class_names: Sequence[str]) -> str:
    """The accuracy of each class: two lines for every ten, or one for each if names are long."""
    accuracies = [
        "-" if math.isnan(accuracy) else f"{100 * accuracy:.2f}%"  # a class without images
        for accuracy in accuracy_per_class
    ]
    width = max(map(len, class_names))
    if width > 7:
        pairs = zip(class_names, accuracies, strict=True)
        return "\n".join(f"  {name:{width}}  {accuracy:>7}" for name, accuracy in pairs)
    return "\n".join(
        f"  class     {''.join(f'{name:>8}' for name in class_names[start : start + 10])}\n"
        f"  accuracy  {''.join(f'{each:>8}' for each in accuracies[start : start + 10])}"
        for start in range(0, len(class_names), 10)
    )


def describe_epoch(epochs: int, metrics: "EpochMetrics") -> str:
    """One line on an epoch; `epochs` is the number of epochs of the whole training."""
    line = (
        f"epoch {metrics.epoch:{len(str(epochs))}}/{epochs}   train loss {metrics.train_loss:.4f}  "
        f"accuracy {100 * metrics.train_accuracy:6.2f} %"
    )
    if not math.isnan(metrics.validation_loss):
        line += (
            f"   validation loss {metrics.validation_loss:.4f}  "
            f"accuracy {100 * metrics.validation_accuracy:6.2f} %"
        )
    return f"{line}   {metrics.seconds:.1f} s"


class ProgressLine:
    """One terminal line that is overwritten by each update; nothing is written to a log file.

    Args:
        shown: False disables it on a terminal too.
    """

    def __init__(self, shown: bool = True) -> None:
        self.shown = shown and sys.stdout.isatty()
        self.width = 0

    def write(self, text: str) -> None:
        """Replace the line's content by `text`, cut to fit in one line of the terminal."""
        if self.shown:
            # Not to its last column, where some terminals already go to the next line.
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{f'{text:{self.width}}'[:width]}", end="", flush=True)
            self.width = len(text)

    def clear(self) -> None:
        """Erase the line, so that the next output starts at its beginning."""
        self.write("")
        if self.shown:
            print("\r", end="", flush=True)
        self.width = 0
