"""Calibration: whether predictions with a confidence of, say, 80 % are correct in 80 % of cases."""

from matplotlib.axes import Axes

from tf_lstm.plots.statistics import RowCounts, calibration_error
from tf_lstm.plots.style import BLUE, GREY, ORANGE, ROW_TICKS, TITLE, shrink_labels

RELIABILITY_ROWS = ((7, GREY), (10, ORANGE), (14, BLUE), (28, "black"))
FEWEST_IMAGES = 20  # in a bin; the accuracy of fewer is mostly noise


def plot_calibration(axes: Axes, counts: RowCounts) -> None:
    """Plot accuracy against confidence after a few rows, and the calibration error by row."""
    axes.set_title("Calibration: accuracy against confidence", **TITLE)
    axes.plot((0, 100), (0, 100), color="0.5", linewidth=0.8, linestyle="--")
    for row, colour in RELIABILITY_ROWS:
        images = counts.bins[row - 1]
        filled = images >= FEWEST_IMAGES
        confidence = 100 * counts.confidence_bins[row - 1][filled] / images[filled]
        accuracy = 100 * counts.correct_bins[row - 1][filled] / images[filled]
        axes.plot(
            confidence, accuracy, color=colour, marker="o", markersize=3.5, label=f"row {row}"
        )
    axes.set(xlabel="confidence (%)", ylabel="accuracy (%)", xlim=(0, 102), ylim=(0, 102))
    axes.legend(loc="upper left", frameon=False, fontsize=8.5)
    shrink_labels(axes)

    error = axes.inset_axes((0.62, 0.12, 0.36, 0.27))
    error.plot(range(1, len(counts.bins) + 1), 100 * calibration_error(counts), color="0.2")
    error.set_title("calibration error by row", fontsize=8, pad=3)
    error.set(ylim=(0, None), xticks=ROW_TICKS, ylabel="%")
    shrink_labels(error, ticks=7)
