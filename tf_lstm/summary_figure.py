"""How a network makes up its mind on many images: six charts of one set of counts."""

from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from tf_lstm.figures import LEADING, OTHER, RIVAL, TRUE
from tf_lstm.row_statistics import (
    THRESHOLDS,
    accuracy_by_row,
    calibration_error,
    early_stopping,
    last_confused_rows,
    median_commit_row,
    wilson_interval,
)

CONFUSED = 0.05  # a digit is taken for another as long as this share of its images are
RELIABILITY_ROWS = ((7, OTHER), (10, RIVAL), (14, TRUE), (28, "black"))
ROW_TICKS = (1, 7, 14, 21, 28)
STYLES = [
    {"color": colour, "marker": marker}
    for colour, marker in ((TRUE, "o"), (RIVAL, "s"), (LEADING, "D"), ("black", "^"))
]
LOSS_ROWS = {"every": "every row", "last": "the last row only"}
LESSON = "Without a loss after the earlier rows,\nwhat is read off them means nothing."
TITLE = {"loc": "left", "fontsize": 9.5}


def row_summary_figure(counts_by_run, title, loss_rows, reference=()):
    """Draw accuracy, commit rows, early stopping, confusion and calibration against the rows read.

    Args:
        counts_by_run: a dictionary from a run's name to its `RowCounts`. The first run is what the
            figure is about; any others are drawn beside it in the first chart only.
        title: which images of which data, read by which run.
        loss_rows: what each run's recipe says of the rows after which it took its loss.
        reference: pairs of a number of visible rows and the accuracy, 0..1, of another network that
            was trained on these rows alone.
    """
    counts = next(iter(counts_by_run.values()))
    figure = Figure(figsize=(8.5, 13.2), dpi=130, facecolor="white", layout="constrained")
    figure.suptitle(title, x=0.012, ha="left", fontsize=11, fontweight="bold")
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.08)
    bands = figure.subfigures(4, 1, height_ratios=(2.9, 3.1, 3.2, 3.9))
    _draw_accuracy(bands[0].subplots(), counts_by_run, loss_rows, reference)
    _draw_accuracy_per_digit(bands[1], counts)
    left, right = bands[2].subplots(1, 2)
    _draw_commit_rows(left, counts)
    _draw_early_stopping(right, counts)
    left, right = bands[3].subplots(1, 2)
    _draw_confusion(left, counts)
    _draw_calibration(right, counts)
    return figure


def _draw_accuracy(axes, counts_by_run, loss_rows, reference):
    axes.set_title("Accuracy against rows read, with its 95 % confidence band", **TITLE)
    # More runs than styles begin again with the first one.
    for (name, counts), rows, style in zip(counts_by_run.items(), loss_rows, cycle(STYLES)):
        name = f"{name}, loss after {LOSS_ROWS.get(rows, rows)}"
        _draw_band(axes, accuracy_by_row(counts), label=name, **style)
    for rows, accuracy in reference:
        label = "convolutional, trained for these rows alone" if rows == reference[0][0] else None
        axes.plot(rows, 100 * accuracy, "k+", markersize=9, markeredgewidth=1.5, label=label)
        place = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center", "fontsize": 8.5}
        axes.annotate(f"{100 * accuracy:.1f}", (rows, 100 * accuracy), **place)
    axes.set(xlabel="rows read", ylabel="accuracy (%)", xticks=range(1, 29), xlim=(0.5, 28.5))
    axes.set_ylim(0, 114 if len(reference) else 102)
    axes.legend(loc="best", frameon=False, fontsize=9)
    if {"every", "last"} <= set(loss_rows):
        axes.text(0.012, 0.97, LESSON, transform=axes.transAxes, va="top", fontsize=9)
    _tidy(axes)


def _draw_band(axes, right_and_images, color, marker=None, label=None):
    right, images = right_and_images
    rows = np.arange(1, len(right) + 1)
    low, high = wilson_interval(right, images)
    axes.fill_between(rows, 100 * low, 100 * high, color=color, alpha=0.3, linewidth=0)
    accuracy = 100 * right / (images or np.nan)
    axes.plot(rows, accuracy, color=color, marker=marker, markersize=3.5, label=label)
    axes.set_ylim(0, 102)


def _draw_accuracy_per_digit(figure, counts):
    panels = figure.subplots(2, 5, sharex=True, sharey=True).ravel()
    figure.suptitle("The same for each digit (grey: all)", x=0.012, ha="left", fontsize=9.5)
    for digit, axes in enumerate(panels):
        overall, images = accuracy_by_row(counts)
        axes.plot(range(1, len(overall) + 1), 100 * overall / images, color=OTHER, linewidth=1)
        _draw_band(axes, accuracy_by_row(counts, digit), color=TRUE)
        axes.text(0.93, 0.08, digit, transform=axes.transAxes, ha="right", fontsize=14, color=TRUE)
        axes.set(xticks=ROW_TICKS, yticks=(0, 50, 100))
        _tidy(axes)
    figure.supxlabel("rows read", fontsize=9)
    figure.supylabel("accuracy (%)", fontsize=9)


def _draw_commit_rows(axes, counts):
    axes.set_title("Commit row: the leader never changes again", **TITLE)
    images = np.maximum(counts.commits.sum(axis=1, keepdims=True), 1)
    share = 100 * counts.commits / images  # (classes, time steps)
    classes, time_steps = share.shape
    extent = (0.5, time_steps + 0.5, classes - 0.5, -0.5)
    colours = axes.imshow(share, cmap="Blues", vmin=0, aspect="auto", extent=extent)
    scale = axes.figure.colorbar(colours, ax=axes, pad=0.02)
    scale.set_label("images of the digit (%)", fontsize=8)
    scale.ax.tick_params(labelsize=7)
    medians = [median_commit_row(commits) for commits in counts.commits]
    axes.plot(medians, range(classes), "o", color=RIVAL, markeredgecolor="white", markersize=7)
    median = median_commit_row(counts.commits.sum(axis=0))
    axes.set(xlabel=f"row (orange: median; of all digits {median})", ylabel="digit")
    axes.set(xticks=ROW_TICKS, yticks=range(classes))
    _tidy(axes)
    axes.grid(visible=False)


def _draw_early_stopping(axes, counts):
    axes.set_title("Stop as soon as the confidence reaches p", **TITLE)
    right, images = accuracy_by_row(counts)
    axes.plot(
        range(1, len(right) + 1), 100 * right / images, color=OTHER, label="stop after a fixed row"
    )
    rows_read, accuracy = early_stopping(counts)
    axes.plot(rows_read, 100 * accuracy, color=TRUE, marker="o", markersize=4, label="stop at p")
    for place, threshold in enumerate(THRESHOLDS):
        if threshold in (0.5, 0.7, 0.9, 0.99, 0.999):
            end = (rows_read[place], 100 * accuracy[place])
            name = f"{threshold:g}"
            axes.annotate(name, end, (-4, 4), textcoords="offset points", ha="right", fontsize=8)
    lowest = max(100 * accuracy.min() // 10 * 10 - 10, 0)
    axes.set(xlabel="rows read, mean", ylabel="accuracy (%)")
    axes.set(xticks=ROW_TICKS, ylim=(lowest, 104))
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    _tidy(axes)


def _draw_confusion(axes, counts):
    axes.set_title(f"Last row after which {100 * CONFUSED:.0f} % are taken for …", **TITLE)
    rows = last_confused_rows(counts, CONFUSED)
    axes.imshow(rows, cmap="Oranges", vmin=0, vmax=len(counts.confusion))
    for label, leading in zip(*np.nonzero(rows), strict=True):
        row = rows[label, leading]
        colour = "white" if row > 20 else "black"
        axes.text(leading, label, row, ha="center", va="center", fontsize=8.5, color=colour)
    axes.set(xlabel="taken for (leading class)", ylabel="label")
    axes.set(xticks=range(len(rows)), yticks=range(len(rows)))
    _tidy(axes)
    axes.grid(visible=False)


def _draw_calibration(axes, counts):
    axes.set_title("Calibration: is it as often right as it is sure?", **TITLE)
    axes.plot((0, 100), (0, 100), color="0.5", linewidth=0.8, linestyle="--")
    for row, colour in RELIABILITY_ROWS:
        images = counts.bins[row - 1]
        filled = images >= 20  # fewer say nothing
        sure = 100 * counts.confidence_bins[row - 1][filled] / images[filled]
        right = 100 * counts.right_bins[row - 1][filled] / images[filled]
        axes.plot(sure, right, color=colour, marker="o", markersize=3.5, label=f"row {row}")
    axes.set(xlabel="confidence (%)", ylabel="accuracy (%)", xlim=(0, 102), ylim=(0, 102))
    axes.legend(loc="upper left", frameon=False, fontsize=8.5)
    _tidy(axes)

    error = axes.inset_axes((0.62, 0.12, 0.36, 0.27))
    error.plot(range(1, len(counts.bins) + 1), 100 * calibration_error(counts), color="0.2")
    error.set_title("expected error by row", fontsize=8, pad=3)
    error.set(ylim=(0, None), xticks=ROW_TICKS, ylabel="%")
    _tidy(error)
    error.tick_params(labelsize=7)


def _tidy(axes):
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    axes.grid(axis="y", color="0.88", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
