"""One image's row predictions as a grid: the rows read so far beside the probabilities."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tf_lstm.data.class_names import DIGITS
from tf_lstm.plots.statistics import commit_row
from tf_lstm.plots.style import (
    COMMITTED,
    FIGURE_TITLE,
    OTHER,
    PREDICTED,
    TRUE_CLASS,
    WRONG,
    long_names,
    shorten,
    show_classes,
)

UNREAD = {"facecolor": "0.9", "edgecolor": "0.7", "hatch": "////"}


def describe_prediction(
    probabilities: np.ndarray, label: int | None, class_names: Sequence[str] = DIGITS
) -> str:
    """The final predicted class, its commit row and whether it is correct, as a sentence."""
    final = int(np.argmax(probabilities[-1]))
    verdict = "" if label is None else " (correct)" if final == label else " (wrong)"
    known = "" if label is None else f"Label {class_names[label]}. "
    return (
        f"{known}From row {commit_row(probabilities)} (the commit row) on, the predicted class is "
        f"{class_names[final]}{verdict} and never changes again."
    )


def row_predictions_figure(
    image: np.ndarray,
    label: int | None,
    probabilities: np.ndarray,
    title: str,
    class_names: Sequence[str] = DIGITS,
) -> Figure:
    """Plot the rows read so far and the predicted probabilities after each of the 28 rows.

    Args:
        image: (28, 28) uint8.
        label: the true class, 0 to 9, or None if it is unknown.
        probabilities: (28, 10), the softmax after each row.
        title: names the image, its data and the run.
        class_names: the names of the classes.

    Returns:
        A `Figure`. Its axes come in pairs: "image t" shows rows 1 to t, "row t" the bars.
    """
    commit = commit_row(probabilities)
    names = 0.62 if long_names(class_names) else 0.0  # inches below each row of panels
    height = 10.4 + 7 * names
    figure = Figure(figsize=(8.5, height), dpi=130, facecolor="white")
    above, below, gap = 1.21, 0.23 + names, 0.43 + names  # inches
    panel = (height - above - below - 6 * gap) / 7
    edges = {"left": 0.012, "right": 0.972, "top": 1 - above / height, "bottom": below / height}
    grid = figure.add_gridspec(7, 4, **edges, wspace=0.15, hspace=gap / panel)
    for row, after_row in enumerate(probabilities, start=1):
        left, right = grid[row - 1].subgridspec(1, 2, width_ratios=(1, 1.04), wspace=0.05)
        show_rows_read(figure.add_subplot(left, label=f"image {row}"), image, row)
        bars = figure.add_subplot(right, label=f"row {row}")
        plot_probabilities(bars, after_row, label, f"row {row}", class_names)
        if names:  # the title covers the space above the image
            bars.title.set(x=1.0, horizontalalignment="right")
        else:
            bars.title.set_x(0.45)  # left of the tick label at the top
        bars.set_facecolor(COMMITTED if row >= commit else "white")

    explanation = (
        f"{describe_prediction(probabilities, label, class_names)}\nBars: the softmax over the ten "
        "classes after each row. Above them: row · predicted class · its probability."
    )
    unread = Patch(**UNREAD, label="not read yet")
    patches = [*class_patches(label, class_names), unread, commit_patch()]
    figure.suptitle(title, y=1 - 0.083 / height, **FIGURE_TITLE)
    y = 1 - 0.354 / height
    figure.text(0.012, y, explanation, va="top", fontsize=8.5, linespacing=1.4)
    loc = (0.012, 1 - 0.988 / height)
    figure.legend(handles=patches, loc=loc, ncols=5, frameon=False, fontsize=8.5)
    return figure


def class_patches(label: int | None, class_names: Sequence[str] = DIGITS) -> list[Patch]:
    """Legend entries for the colours of the bars."""
    if label is None:
        patches = [Patch(color=PREDICTED, label="predicted class")]
    else:
        patches = [
            Patch(color=TRUE_CLASS, label=f"true class, {class_names[label]}"),
            Patch(color=WRONG, label="wrong predicted class"),
        ]
    return [*patches, Patch(color=OTHER, label="other classes")]


def commit_patch() -> Patch:
    """Legend entry for the background from the commit row on."""
    return Patch(facecolor=COMMITTED, edgecolor="0.7", label="from the commit row on")


def show_rows_read(axes: Axes, image: np.ndarray, rows_read: int) -> None:
    """Show the first rows of an image (28, 28), and a hatched area below them."""
    unread = np.broadcast_to(np.arange(len(image))[:, None] >= rows_read, image.shape)
    axes.imshow(np.ma.masked_array(image, unread), cmap="gray", vmin=0, vmax=255)
    axes.patch.set(**UNREAD)
    axes.set(xticks=[], yticks=[], anchor="W")
    axes.spines[:].set_visible(False)


def plot_probabilities(
    axes: Axes,
    probabilities: np.ndarray,
    label: int | None,
    name: str,
    class_names: Sequence[str] = DIGITS,
) -> None:
    """Plot the probabilities (10,) of the classes as bars, titled with the prediction."""
    predicted = int(np.argmax(probabilities))
    colours = [OTHER] * len(probabilities)
    colours[predicted] = PREDICTED if label is None else WRONG
    if label is not None:
        colours[label] = TRUE_CLASS
    axes.bar(range(len(probabilities)), probabilities, color=colours, width=0.8, zorder=2)
    mark = "" if label is None else " ✓" if predicted == label else " ✗"
    title = f"{name} · {shorten(class_names[predicted])} · {probabilities[predicted]:.2f}{mark}"
    axes.set_title(title, fontsize=8, pad=3)
    axes.set(xlim=(-0.6, len(probabilities) - 0.4), ylim=(0, 1))
    show_classes(axes.xaxis, class_names)
    axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.yaxis.tick_right()
    axes.tick_params(length=0, pad=2, labelsize=7)
    axes.grid(axis="y", color="0.8", linewidth=0.6)
    axes.spines[["left", "right", "top"]].set_visible(False)
    if label is not None:
        axes.get_xticklabels()[label].set(color=TRUE_CLASS, fontweight="bold")
