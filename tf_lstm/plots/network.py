"""The network unrolled over the rows of an image, as a diagram with the code's names and shapes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from tf_lstm.plots.row_predictions import Prediction
from tf_lstm.plots.style import BLUE, GREEN, GREY, ORANGE, plot_arrow

COLUMNS = ((1.0, 1), (4.4, 12), (7.8, 28))  # place, row
HALF_WIDTH = 0.95
BOXES = (  # height, text, colour
    (1.5, "· weights['in']\n+ biases['in']", BLUE),
    (3.0, "LSTM cell\ni, f, g, o", ORANGE),
    (4.5, "· weights['out']\n+ biases['out']", BLUE),
)
SHAPES = (  # height, what flows upwards there
    (2.25, "(units,)"),
    (3.75, "hidden (units,)"),
    (5.25, "logits ({classes},)"),
)
VARIABLES = (
    "weights['in'] (28, units)   biases['in'] (units,)   "
    "kernel, recurrent_kernel (units, 4 · units)   bias (4 · units,)\n"
    "weights['out'] (units, {classes})   biases['out'] ({classes},)   "
    "the same variables at every row"
)


def network_figure(prediction: Prediction) -> Figure:
    """Plot how three rows of an image pass through a network with an input projection."""
    figure = Figure(figsize=(8.5, 6.2), dpi=130, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.7, 9.5), ylim=(-0.9, 6.9))
    axes.axis("off")
    classes = prediction.probabilities.shape[1]
    for x, row in COLUMNS:
        pixels = np.broadcast_to(prediction.image[row - 1], (3, 28))
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=(x - 0.95, x + 0.95, 0.35, 0.6))
        axes.text(x, 0.15, f"row {row}: 28 pixels", ha="center", va="center", fontsize=9)
        for height, text, colour in BOXES:
            _add_box(axes, x, height, text, colour)
        for height, text in SHAPES:
            axes.text(
                x + 0.1, height, text.format(classes=classes), ha="left", va="center", fontsize=8.5
            )
        for start, end in ((0.62, 1.1), (1.9, 2.6), (3.4, 4.1), (4.9, 5.6)):
            plot_arrow(axes, (x, start), (x, end))
        bars = x + np.linspace(-0.8, 0.8, classes)
        heights, width = 0.7 * prediction.probabilities[row - 1], 1.3 / classes
        axes.bar(bars, heights, width, bottom=5.7, color=GREEN)
        axes.plot((x - 0.95, x + 0.95), (5.7, 5.7), color=GREY, linewidth=0.8)
        axes.text(x, 6.6, f"softmax after row {row}", ha="center", fontsize=9)
    axes.text(-0.3, 3.14, "zero\nstate", ha="center", va="bottom", fontsize=8.5)
    plot_arrow(axes, (-0.55, 3.0), (0.05, 3.0))
    for x in (1.95, 5.35):
        plot_arrow(axes, (x, 3.0), (x + 0.5, 3.0))
        plot_arrow(axes, (x + 1.0, 3.0), (x + 1.5, 3.0))
        axes.text(x + 0.75, 3.0, "· · ·", ha="center", va="center", fontsize=12)
        state = "state:\nhidden (units,)\ncell_state (units,)"
        axes.text(x + 0.75, 2.72, state, ha="center", va="top", fontsize=8.5)
    variables = VARIABLES.format(classes=classes)
    axes.text(4.4, -0.45, variables, ha="center", va="center", fontsize=9, linespacing=1.5)
    axes.set_aspect("auto")
    return figure


def _add_box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    corner, style = (x - HALF_WIDTH, y - 0.36), "round,pad=0,rounding_size=0.1"
    box = FancyBboxPatch(corner, 2 * HALF_WIDTH, 0.72, style, fc="white", ec=colour, lw=1.6)
    axes.add_patch(box)
    axes.text(x, y, text, ha="center", va="center", fontsize=9)
