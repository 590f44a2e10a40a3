"""One image in depth: the digit, row by row, beside everything that the network says of it."""

import math

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tf_lstm.figures import (
    DECIDED,
    LEADING,
    RIVAL,
    TRUE,
    class_patches,
    describe_answer,
    draw_probabilities,
    draw_rows_read,
)
from tf_lstm.files import whole_file
from tf_lstm.row_statistics import commit_row, entropy

WIDTH, HEIGHT = 8.5, 4.75  # inches
BOTTOM, SIDE = 0.48, 3.3  # all panels are as high as the digit, so that their rows line up
FRAMES_PER_SECOND = 4
PAUSE = 12  # frames, on the last row


def row_depth_figure(image, label, probabilities, title):
    """Draw an image and, on the same row axis, the probabilities, the confidence and the entropy.

    Args:
        image: (28, 28) uint8.
        label: the true class, 0 to 9, or None where nobody knows it.
        probabilities: (28, 10), the softmax after each row.
        title: which image of which data, read by which run.

    Returns:
        A `Figure` with the axes "image", "probabilities", "confidence", "entropy", and a colour
        bar.
    """
    rows = np.arange(1, len(image) + 1)
    leading = np.argmax(probabilities, axis=1)  # (28,)
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=130, facecolor="white")

    digit = _add_panel(figure, "image", 0.55, SIDE)
    edges = (0.5, len(image) + 0.5)  # row t lies between t - 1/2 and t + 1/2
    digit.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(*edges, *edges[::-1]))
    digit.set(title="image", xlabel="column (pixels)", ylabel="row (pixels), read from above")
    digit.set(xticks=(1, 7, 14, 21, 28), yticks=(1, 7, 14, 21, 28))

    chart = _add_panel(figure, "probabilities", 4.0, 1.95, digit)
    columns = (-0.5, probabilities.shape[1] - 0.5)
    colours = chart.imshow(
        probabilities, cmap="Greys", vmin=0, vmax=1, aspect="auto", extent=(*columns, *edges[::-1])
    )
    _mark_classes(chart, rows, leading, label)
    chart.set(
        title="probability (dot: the leader)", xlabel="digit", xticks=range(probabilities.shape[1])
    )
    scale = figure.add_axes((6.0 / WIDTH, BOTTOM / HEIGHT, 0.07 / WIDTH, SIDE / HEIGHT))
    figure.colorbar(colours, cax=scale, ticks=(0, 0.5, 1)).ax.set_yticklabels(("0", ".5", "1"))
    scale.tick_params(labelsize=7, length=2, pad=2)

    confidence = _add_panel(figure, "confidence", 6.4, 0.9, digit)
    confidence.plot(probabilities.max(axis=1), rows, color="0.2", marker="o", markersize=2.5)
    if label is not None:
        confidence.plot(probabilities[:, label], rows, color=TRUE, linewidth=1)
    confidence.set(title="confidence", xlabel="probability", xlim=(0, 1.03))
    confidence.set_xticks((0, 0.5, 1), ("0", ".5", "1"))
    uncertainty = _add_panel(figure, "entropy", 7.45, 0.9, digit)
    uncertainty.plot(entropy(probabilities), rows, color="0.2", marker="o", markersize=2.5)
    most = math.log2(probabilities.shape[1])  # bits, of the uniform distribution
    uncertainty.set(title="entropy", xlabel="bits", xlim=(0, 1.05 * most), xticks=(0, 1, 2, 3))

    decided = commit_row(probabilities)
    for axes in (confidence, uncertainty):
        axes.axhspan(decided - 0.5, edges[1], color=DECIDED, zorder=0)
        axes.grid(axis="x", color="0.8", linewidth=0.6)
    for axes in (digit, chart, confidence, uncertainty):
        axes.title.set_fontsize(9.5)
    for row in 1 + np.nonzero(np.diff(leading))[0]:
        for axes in (digit, chart, confidence, uncertainty):
            commits = row + 1 == decided
            axes.axhline(row + 0.5, color=LEADING, linewidth=1.8 if commits else 0.7)
    chart.set_ylim(edges[::-1])

    truth = "" if label is None else " (blue: the true class's)"
    explanation = (
        f"{describe_answer(probabilities, label)}\nGreen lines: the leading class changes; the "
        f"thick one for the last time. Confidence: the largest probability{truth}."
    )
    figure.suptitle(title, x=0.012, y=0.985, ha="left", fontsize=11, fontweight="bold")
    figure.text(0.012, 0.925, explanation, va="top", fontsize=8.5, linespacing=1.4)
    return figure


def _add_panel(figure, label, left, width, shared=None):
    """Axes as high as the digit, `left` and `width` in inches, on the row axis of `shared`."""
    position = (left / WIDTH, BOTTOM / HEIGHT, width / WIDTH, SIDE / HEIGHT)
    axes = figure.add_axes(position, label=label, sharey=shared)
    axes.tick_params(length=2, pad=2, labelsize=8, labelleft=shared is None)
    return axes


def _mark_classes(axes, rows, leading, label):
    if label is None:
        axes.scatter(leading, rows, s=16, color=LEADING, edgecolor="white", linewidth=0.6)
        return
    colours = [TRUE if leader == label else RIVAL for leader in leading]
    axes.scatter(leading, rows, s=16, color=colours, edgecolor="white", linewidth=0.6, zorder=3)
    for side in (label - 0.5, label + 0.5):
        axes.axvline(side, color=TRUE, linewidth=1.2)


def save_animation(image, label, probabilities, title, path):
    """Write a GIF: the digit is uncovered row by row beside the moving bars, then rests.

    Args:
        image, label, probabilities, title: as `row_depth_figure` takes them.
        path: the file, ending in .gif; it is written whole or not at all.
    """
    figure = Figure(figsize=(8.5, 4.2), facecolor="white")
    writer = PillowWriter(fps=FRAMES_PER_SECOND)
    with whole_file(path, (".gif",)) as unfinished, writer.saving(figure, unfinished, dpi=100):
        for row in range(1, len(image) + 1):
            draw_frame(figure, image, label, probabilities, title, row)
            writer.grab_frame()
        for _ in range(PAUSE):  # equal frames become one long one in the file
            writer.grab_frame()


def draw_frame(figure, image, label, probabilities, title, row):
    """Draw what has been read, and what is answered, after one row, 1 to 28."""
    figure.clear()
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.55))
    figure.subplots_adjust(left=0.015, right=0.95, top=0.84, bottom=0.2, wspace=0.04)
    draw_rows_read(left, image, row)
    draw_probabilities(right, probabilities[row - 1], label, f"row {row} of {len(image)}")
    right.set_facecolor(DECIDED if row >= commit_row(probabilities) else "white")
    right.title.set_fontsize(12)
    right.tick_params(labelsize=10)
    right.set_xlabel("digit", fontsize=10)
    right.set_ylabel("probability", fontsize=10)
    right.yaxis.set_label_position("right")
    figure.suptitle(title, x=0.015, y=0.975, ha="left", fontsize=12, fontweight="bold")
    decided = Patch(facecolor=DECIDED, edgecolor="0.7", label="leader never changes again")
    patches = [*class_patches(label), decided]
    figure.legend(handles=patches, loc="lower left", ncols=4, frameon=False)
