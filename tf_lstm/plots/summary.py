"""Row predictions over many images: accuracy, commit rows, early exit, errors, calibration."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from tf_lstm.data.class_names import DIGITS, class_noun
from tf_lstm.plots.statistics import THRESHOLDS, RowStatistics, median_commit_row, wilson_interval
from tf_lstm.plots.style import (
    BLUE,
    FIGURE_TITLE,
    GREEN,
    GREY,
    ORANGE,
    ROW_TICKS,
    long_names,
    show_classes,
    small_chart,
)

Runs = Mapping[str, RowStatistics]
# Accuracies, 0 to 1, of other networks, by the number of rows that they were trained on.
Reference = Mapping[int, Sequence[float]]

CONFUSED = 0.05  # share of a class' images predicted as another class
STYLES = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "D"), ("black", "^"))  # colours, markers
LOSS_ROWS = {"all_and_last": "every row", "all": "every row", "last": "the last row"}
LESSON = "Without a loss after\nthe earlier rows, the\npredictions there\nare meaningless."
RELIABILITY_ROWS = ((7, GREY), (10, ORANGE), (14, BLUE), (28, "black"))
MOST_NUMBERS = 30  # of more classes, the numbers in the confusion matrix would be illegible
MOST_CHARTS = 12  # of more classes, only the ten least accurate ones have a chart
FEWEST_IMAGES = 20  # in a bin; the accuracy of fewer is mostly noise


def row_summary_figure(
    statistics_by_run: Runs,  # the first chart compares them all
    title: str,
    loss_rows: Sequence[str],  # of each run's recipe
    reference: Reference | None = None,
    class_names: Sequence[str] = DIGITS,
) -> Figure:
    """Plot accuracy, commit rows, early exit, confusion and calibration of the first run."""
    statistics = next(iter(statistics_by_run.values()))
    figure = Figure(figsize=(8.5, 13.2), dpi=130, facecolor="white", layout="constrained")
    figure.suptitle(title, **FIGURE_TITLE)
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.08)
    bands = figure.subfigures(4, 1, height_ratios=(2.9, 3.1, 3.2, 3.9))
    _plot_accuracy(bands[0].subplots(1, 2), statistics_by_run, loss_rows, reference or {})
    _plot_accuracy_per_class(bands[1], statistics, class_names)
    left, right = bands[2].subplots(1, 2)
    _plot_commit_rows(left, statistics, class_names)
    _plot_early_exit(right, statistics)
    left, right = bands[3].subplots(1, 2)
    _plot_confusion(left, statistics, class_names)
    _plot_calibration(right, statistics)
    return figure


def _plot_accuracy(
    axes: Sequence[Axes], statistics_by_run: Runs, loss_rows: Sequence[str], reference: Reference
) -> None:
    """Plot the accuracy against rows read, and beside it the error, where differences show."""
    accuracy_axes, error_axes = axes
    small_chart(accuracy_axes, "Accuracy with its 95 % confidence band")
    small_chart(error_axes, "The error, 100 % − accuracy, on a log scale")
    # The styles repeat if there are more runs.
    for (name, run), rows, style in zip(statistics_by_run.items(), loss_rows, cycle(STYLES)):
        label = f"{name}, loss after {LOSS_ROWS.get(rows, rows)}"
        for chart in axes:
            _plot_band(chart, run, None, *style, label, as_error=chart is error_axes)
    label = "a convolutional network\nfor each number of rows"
    for visible, accuracies in reference.items():
        percents = 100 * np.array(accuracies)
        mean, deviation = percents.mean(), percents.std(ddof=min(1, len(percents) - 1))
        cross = {"fmt": "k+", "markersize": 9, "capsize": 4, "label": label}
        accuracy_axes.errorbar(visible, mean, deviation, **cross)
        error_axes.errorbar(visible, 100 - mean, deviation, **cross)
        label = ""  # one legend entry for all
    for chart in axes:
        chart.set(xlabel="rows read", xticks=ROW_TICKS, xlim=(0.5, 28.9))
    accuracy_axes.set_ylabel("accuracy (%)")
    error_axes.set(ylabel="error (%)", yscale="log", ylim=(None, 120))
    error_axes.yaxis.set_major_formatter("{x:g}")
    error_axes.legend(loc="best", frameon=False, fontsize=8.5)
    if "last" in loss_rows and set(loss_rows) - {"last"}:
        middle = {"transform": accuracy_axes.transAxes, "va": "center"}
        accuracy_axes.text(0.31, 0.5, LESSON, fontsize=8.5, **middle)


def _plot_band(
    axes: Axes,
    statistics: RowStatistics,
    digit: int | None,
    colour: str,
    marker: str | None = None,
    label: str | None = None,
    as_error: bool = False,
) -> None:
    """Plot the accuracy after each row, of all images or of a digit, with its confidence band."""
    curves = 100 * np.array(wilson_interval(*statistics.accuracy_by_row(digit)))
    middle, low, high = 100 - curves if as_error else curves
    rows = np.arange(1, len(middle) + 1)
    axes.fill_between(rows, low, high, color=colour, alpha=0.3, linewidth=0)
    axes.plot(rows, middle, color=colour, marker=marker, markersize=3.5, label=label)
    if not as_error:
        axes.set_ylim(0, 102)


def _plot_accuracy_per_class(
    figure: SubFigure, statistics: RowStatistics, class_names: Sequence[str]
) -> None:
    correct, images = statistics.accuracy_by_row()
    labels, which = [*range(len(class_names))], f"each {class_noun(class_names)}"
    if len(labels) > MOST_CHARTS:
        last = np.diagonal(statistics.confusion[-1]) / np.maximum(statistics.commits.sum(axis=1), 1)
        labels, which = (
            sorted(np.argsort(last, kind="stable")[:10].tolist()),
            "the ten least accurate classes",
        )
    title = f"Accuracy for {which} (grey: all images)"
    figure.suptitle(title, x=0.012, ha="left", fontsize=9.5)
    # Long names are above the charts, digits in their corner.
    y, size = (1.05, 8) if long_names(class_names) else (0.08, 14)
    grid = [*figure.subplots(2, -(-len(labels) // 2), sharex=True, sharey=True).flat]
    for spare in grid[len(labels) :]:
        spare.remove()
    for label, axes in zip(labels, grid, strict=False):
        small_chart(axes)
        axes.plot(range(1, len(correct) + 1), 100 * correct / images, color=GREY, linewidth=1)
        _plot_band(axes, statistics, label, BLUE)
        style = {"transform": axes.transAxes, "ha": "right", "fontsize": size, "color": BLUE}
        axes.text(0.93, y, class_names[label], **style)
        axes.set(xticks=ROW_TICKS, yticks=(0, 50, 100))
    figure.supxlabel("rows read", fontsize=9)
    figure.supylabel("accuracy (%)", fontsize=9)


def _plot_commit_rows(axes: Axes, statistics: RowStatistics, class_names: Sequence[str]) -> None:
    small_chart(axes, "Commit row: the predicted class never changes again")
    commits = statistics.commits
    share = 100 * commits / np.maximum(commits.sum(axis=1, keepdims=True), 1)
    classes, time_steps = share.shape
    extent = (0.5, time_steps + 0.5, classes - 0.5, -0.5)
    colours = axes.imshow(share, cmap="Blues", vmin=0, aspect="auto", extent=extent)
    scale = axes.figure.colorbar(colours, ax=axes, pad=0.02)
    noun = class_noun(class_names)
    scale.set_label(f"images of the {noun} (%)", fontsize=8)
    scale.ax.tick_params(labelsize=7)
    medians = [*map(median_commit_row, commits)]
    size = min(7, 120 / classes)
    axes.plot(medians, range(classes), "o", color=ORANGE, markeredgecolor="white", markersize=size)
    median = median_commit_row(commits.sum(axis=0))
    axes.set(xlabel=f"row (orange: median; of all images: {median:g})", ylabel=noun)
    axes.set_xticks(ROW_TICKS)
    show_classes(axes.yaxis, class_names, most=20)
    axes.grid(visible=False)


def _plot_early_exit(axes: Axes, statistics: RowStatistics) -> None:
    small_chart(axes, "Early exit at confidence p")
    correct, images = statistics.accuracy_by_row()
    rows = range(1, len(correct) + 1)
    axes.plot(rows, 100 * correct / images, color=GREY, label="exit after a fixed row")
    rows_read, accuracy = statistics.exit_rows, 100 * statistics.exit_accuracy
    label = "exit when confidence ≥ p"
    axes.plot(rows_read, accuracy, color=BLUE, marker="o", markersize=4, label=label)
    left, right = ({"xytext": (x, 4), "ha": ha} for x, ha in ((-4, "right"), (4, "left")))
    for threshold, *end in zip(THRESHOLDS, rows_read, accuracy, strict=True):
        if threshold in (0.5, 0.8, 0.95, 0.999):
            offset = right if threshold == THRESHOLDS[-1] else left
            axes.annotate(f"{threshold:g}", end, textcoords="offset points", fontsize=8, **offset)
    lowest = max(accuracy.min() // 10 * 10 - 10, 0)
    axes.set(xlabel="mean rows read", ylabel="accuracy (%)", xticks=ROW_TICKS, ylim=(lowest, 104))
    axes.legend(loc="lower right", frameon=False, fontsize=9)


def _plot_confusion(axes: Axes, statistics: RowStatistics, class_names: Sequence[str]) -> None:
    another = f"another {class_noun(class_names)}"
    small_chart(axes, f"Last row with ≥ {100 * CONFUSED:.0f} % predicted as {another}")
    rows = statistics.last_confused_rows(CONFUSED)
    axes.imshow(rows, cmap="Oranges", vmin=0, vmax=len(statistics.confusion))
    for label, predicted in np.argwhere(rows) if len(rows) <= MOST_NUMBERS else ():
        row = rows[label, predicted]
        style = {"ha": "center", "va": "center", "color": "white" if row > 20 else "black"}
        axes.text(predicted, label, row, fontsize=min(8.5, 110 / len(rows)), **style)
    show_classes(axes.xaxis, class_names)
    show_classes(axes.yaxis, class_names, most=20)
    axes.set(xlabel="predicted class", ylabel="label")
    axes.grid(visible=False)


def _plot_calibration(axes: Axes, statistics: RowStatistics) -> None:
    """Plot accuracy against confidence after a few rows, and the calibration error by row."""
    small_chart(axes, "Calibration: accuracy against confidence")
    axes.plot((0, 100), (0, 100), color="0.5", linewidth=0.8, linestyle="--")
    for row, colour in RELIABILITY_ROWS:
        bins = statistics.calibration[:, row - 1]  # (3, BINS)
        images, confidence, correct = bins[:, bins[0] >= FEWEST_IMAGES]
        style = {"color": colour, "marker": "o", "markersize": 3.5, "label": f"row {row}"}
        axes.plot(100 * confidence / images, 100 * correct / images, **style)
    axes.set(xlabel="confidence (%)", ylabel="accuracy (%)", xlim=(0, 102), ylim=(0, 102))
    axes.legend(loc="upper left", frameon=False, fontsize=8.5)

    error = axes.inset_axes((0.62, 0.12, 0.36, 0.27))
    small_chart(error, ticks=7)
    by_row = 100 * statistics.calibration_error()
    error.plot(range(1, len(by_row) + 1), by_row, color="0.2")
    error.set_title("calibration error by row", fontsize=8, pad=3)
    error.set(ylim=(0, None), xticks=ROW_TICKS, ylabel="%")
