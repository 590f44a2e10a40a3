"""One image's row predictions as an animated GIF that reveals the image row by row."""

from pathlib import Path

from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure

from tf_lstm.data.class_names import class_noun
from tf_lstm.plots.row_predictions import (
    Prediction,
    legend_patches,
    plot_probabilities,
    show_rows_read,
)
from tf_lstm.plots.style import FIGURE_TITLE, long_names, missing_glyphs_reported
from tf_lstm.terminal.files import atomic_path

FRAMES_PER_SECOND = 4
PAUSE = 12  # extra frames on the last row


def save_animation(prediction: Prediction, path: str | Path) -> None:
    """Write a GIF with a frame for each row, atomically."""
    figure = Figure(figsize=(8.5, 4.2), facecolor="white")
    writer = PillowWriter(fps=FRAMES_PER_SECOND)
    with (
        atomic_path(path, (".gif",)) as temporary,
        missing_glyphs_reported(),
        writer.saving(figure, temporary, dpi=100),
    ):
        for row in range(1, len(prediction.image) + 1):
            plot_frame(figure, prediction, row)
            writer.grab_frame()
        for _ in range(PAUSE):  # Pillow merges equal frames into one long frame
            writer.grab_frame()


def plot_frame(figure: Figure, prediction: Prediction, row: int) -> None:
    """Plot the rows read and the probabilities after one row, counted from 1."""
    names = prediction.class_names
    figure.clear()
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.55))
    bottom = 0.38 if long_names(names) else 0.2
    figure.subplots_adjust(left=0.015, right=0.95, top=0.84, bottom=bottom, wspace=0.04)
    show_rows_read(left, prediction.image, row)
    plot_probabilities(right, prediction, row, f"row {row} of {len(prediction.image)}")
    right.title.set_fontsize(12)
    right.tick_params(labelsize=10)
    right.set_xlabel(class_noun(names), fontsize=10)
    right.set_ylabel("probability", fontsize=10)
    right.yaxis.set_label_position("right")
    figure.suptitle(prediction.title, y=0.975, **FIGURE_TITLE)
    patches = legend_patches(prediction)
    size = 8.5 if long_names(names) else 10
    figure.legend(handles=patches, loc="lower left", ncols=4, frameon=False, fontsize=size)
