"""One image in depth: the digit beside the probabilities, confidence and entropy of each row."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tf_lstm.data.class_names import class_noun
from tf_lstm.plots.row_predictions import Prediction
from tf_lstm.plots.statistics import entropy
from tf_lstm.plots.style import (
    COMMITTED,
    FIGURE_TITLE,
    PREDICTED,
    ROW_TICKS,
    TRUE_CLASS,
    long_names,
    show_classes,
)

WIDTH, TOP, BOTTOM = 8.5, 0.97, 0.48  # inches
NAMES = 0.7  # inches at the bottom, where the classes have names
SIDE = 3.3  # inches; all panels are as high as the digit, so that their rows line up


def row_depth_figure(prediction: Prediction) -> Figure:
    """Plot an image beside the probabilities, confidence and entropy, on a shared row axis.

    The axes are "image", "probabilities", "confidence" and "entropy", and a colour bar.
    """
    image, label, probabilities, title, class_names = prediction
    height = TOP + SIDE + BOTTOM + (NAMES if long_names(class_names) else 0)
    figure = Figure(figsize=(WIDTH, height), dpi=130, facecolor="white")
    digit = _add_panel(figure, "image", 0.55, SIDE)
    edges = (0.5, len(image) + 0.5)  # row t lies between t - 1/2 and t + 1/2
    digit.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(*edges, *edges[::-1]))
    digit.set(title="image", xlabel="column (pixels)", ylabel="row (pixels), read from the top")
    digit.set(xticks=ROW_TICKS, yticks=ROW_TICKS)
    heat_map = _add_panel(figure, "probabilities", 4.0, 1.95, digit)
    _plot_heat_map(heat_map, prediction)
    confidence = _add_panel(figure, "confidence", 6.4, 0.9, digit)
    _plot_by_row(confidence, probabilities.max(axis=1), prediction.commit_row)
    if label is not None:
        rows = range(1, len(image) + 1)
        confidence.plot(probabilities[:, label], rows, color=TRUE_CLASS, linewidth=1)
    confidence.set(title="confidence", xlabel="probability", xlim=(0, 1.03))
    confidence.set_xticks((0, 0.5, 1), ("0", ".5", "1"))
    uncertainty = _add_panel(figure, "entropy", 7.45, 0.9, digit)
    _plot_by_row(uncertainty, entropy(probabilities), prediction.commit_row)
    most = math.log2(len(class_names))  # bits, of the uniform distribution
    uncertainty.set(
        title="entropy", xlabel="bits", xlim=(0, 1.05 * most), xticks=range(int(most) + 1)
    )
    changes = 1 + np.nonzero(np.diff(np.argmax(probabilities, axis=1)))[0]
    for axes in (digit, heat_map, confidence, uncertainty):
        axes.title.set_fontsize(9.5)
        for row in changes:
            width = 1.8 if row == changes[-1] else 0.7
            axes.axhline(row + 0.5, color=PREDICTED, linewidth=width)
    digit.set_ylim(edges[::-1])  # for all panels

    true = "" if label is None else " (blue: that of the true class)"
    explanation = (
        f"{prediction.describe()}\nGreen lines: changes of the "
        f"predicted class, the last one thick. Confidence: the largest probability{true}."
    )
    figure.suptitle(title, y=1 - 0.07 / height, **FIGURE_TITLE)
    figure.text(0.012, 1 - 0.356 / height, explanation, va="top", fontsize=8.5, linespacing=1.4)
    return figure


def _add_panel(
    figure: Figure, label: str, left: float, width: float, shared: Axes | None = None
) -> Axes:
    """Add axes as high as the digit; `left` and `width` are in inches."""
    height = figure.get_figheight()
    position = (left / WIDTH, 1 - (TOP + SIDE) / height, width / WIDTH, SIDE / height)
    axes = figure.add_axes(position, label=label, sharey=shared)
    axes.tick_params(length=2, pad=2, labelsize=8, labelleft=shared is None)
    return axes


def _plot_heat_map(axes: Axes, prediction: Prediction) -> None:
    """Plot the probabilities with a colour bar, and mark the predicted and true classes."""
    label, probabilities = prediction.label, prediction.probabilities
    rows, classes = probabilities.shape
    extent = (-0.5, classes - 0.5, rows + 0.5, 0.5)
    colours = axes.imshow(probabilities, cmap="Greys", vmin=0, vmax=1, aspect="auto", extent=extent)
    axes.set(title="probability (dot: predicted)", xlabel=class_noun(prediction.class_names))
    show_classes(axes.xaxis, prediction.class_names, most=14)
    scale = _add_panel(axes.figure, "scale", 6.0, 0.07)
    axes.figure.colorbar(colours, cax=scale, ticks=(0, 0.5, 1))
    scale.set_yticks((0, 0.5, 1), ("0", ".5", "1"))
    scale.tick_params(labelsize=7, length=2, pad=2)

    predicted = np.argmax(probabilities, axis=1)  # (28,)
    dots = {"s": 16, "color": [*map(prediction.colour, predicted)], "edgecolor": "white"}
    axes.scatter(predicted, range(1, rows + 1), **dots, linewidth=0.6, zorder=3)
    if label is not None:
        for side in (label - 0.5, label + 0.5):
            axes.axvline(side, color=TRUE_CLASS, linewidth=1.2)


def _plot_by_row(axes: Axes, values: np.ndarray, commit_row: int) -> None:
    """Plot a value (28,) of each row, and shade the rows from the commit row on."""
    axes.plot(values, range(1, len(values) + 1), color="0.2", marker="o", markersize=2.5)
    axes.axhspan(commit_row - 0.5, len(values) + 0.5, color=COMMITTED, zorder=0)
    axes.grid(axis="x", color="0.8", linewidth=0.6)
