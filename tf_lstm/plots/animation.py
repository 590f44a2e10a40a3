"""One image's row predictions as an animated GIF that reveals the image row by row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure

from tf_lstm.data.class_names import DIGITS, class_noun
from tf_lstm.plots.row_predictions import (
    class_patches,
    commit_patch,
    plot_probabilities,
    show_rows_read,
)
from tf_lstm.plots.statistics import commit_row
from tf_lstm.plots.style import COMMITTED, FIGURE_TITLE, long_names
from tf_lstm.terminal.files import atomic_path

FRAMES_PER_SECOND = 4
PAUSE = 12  # extra frames on the last row


def save_animation(
    image: np.ndarray,
    label: int | None,
    probabilities: np.ndarray,
    title: str,
    path: str | Path,
    class_names: Sequence[str] = DIGITS,
) -> None:
    """Write a GIF with a frame for each row, atomically.

    Args:
        image: (28, 28) uint8.
        label: the true class, 0 to 9, or None if it is unknown.
        probabilities: (28, 10), the softmax after each row.
        title: names the image, its data and the run.
        path: the file, ending in .gif.
        class_names: the names of the classes.
    """
    figure = Figure(figsize=(8.5, 4.2), facecolor="white")
    writer = PillowWriter(fps=FRAMES_PER_SECOND)
    with atomic_path(path, (".gif",)) as temporary, writer.saving(figure, temporary, dpi=100):
        for row in range(1, len(image) + 1):
            plot_frame(figure, image, label, probabilities, title, row, class_names)
            writer.grab_frame()
        for _ in range(PAUSE):  # Pillow merges equal frames into one long frame
            writer.grab_frame()


def plot_frame(
    figure: Figure,
    image: np.ndarray,
    label: int | None,
    probabilities: np.ndarray,
    title: str,
    row: int,
    class_names: Sequence[str] = DIGITS,
) -> None:
    """Plot the rows read and the probabilities after one row, counted from 1."""
    figure.clear()
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.55))
    bottom = 0.38 if long_names(class_names) else 0.2
    figure.subplots_adjust(left=0.015, right=0.95, top=0.84, bottom=bottom, wspace=0.04)
    show_rows_read(left, image, row)
    name = f"row {row} of {len(image)}"
    plot_probabilities(right, probabilities[row - 1], label, name, class_names)
    right.set_facecolor(COMMITTED if row >= commit_row(probabilities) else "white")
    right.title.set_fontsize(12)
    right.tick_params(labelsize=10)
    right.set_xlabel(class_noun(class_names), fontsize=10)
    right.set_ylabel("probability", fontsize=10)
    right.yaxis.set_label_position("right")
    figure.suptitle(title, y=0.975, **FIGURE_TITLE)
    patches = [*class_patches(label, class_names), commit_patch()]
    figure.legend(handles=patches, loc="lower left", ncols=4, frameon=False)
