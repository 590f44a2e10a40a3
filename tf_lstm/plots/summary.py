"""Row predictions over many images: accuracy, commit rows, early stopping, errors, calibration."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from tf_lstm.data.class_names import DIGITS, class_noun
from tf_lstm.plots.calibration import plot_calibration
from tf_lstm.plots.statistics import (
    THRESHOLDS,
    RowCounts,
    accuracy_by_row,
    early_stopping,
    last_confused_rows,
    median_commit_row,
    wilson_interval,
)
from tf_lstm.plots.style import (
    BLUE,
    FIGURE_TITLE,
    GREEN,
    GREY,
    ORANGE,
    ROW_TICKS,
    TITLE,
    long_names,
    show_classes,
    shrink_labels,
)

CONFUSED = 0.05  # share of a class' images predicted as another class
STYLES = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "D"), ("black", "^"))  # colours, markers
LOSS_ROWS = {"every": "every row", "last": "the last row only"}
LESSON = "Without a loss after the earlier rows,\nthe predictions there are meaningless."


def row_summary_figure(
    counts_by_run: Mapping[str, RowCounts],
    title: str,
    loss_rows: Sequence[str],
    reference: Sequence[tuple[int, float]] = (),
    class_names: Sequence[str] = DIGITS,
) -> Figure:
    """Plot accuracy, commit rows, early stopping, confusion and calibration against rows read.

    Args:
        counts_by_run: the counts of each run by its name. All charts show the first run; the first
            chart compares it with the others.
        title: names the images, their data and the first run.
        loss_rows: each run's `loss_rows`, from its recipe.
        reference: pairs of a number of visible rows and the accuracy, 0 to 1, of another network
            trained on that number of rows.
        class_names: the names of the classes.
    """
    counts = next(iter(counts_by_run.values()))
    figure = Figure(figsize=(8.5, 13.2), dpi=130, facecolor="white", layout="constrained")
    figure.suptitle(title, **FIGURE_TITLE)
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.08)
    bands = figure.subfigures(4, 1, height_ratios=(2.9, 3.1, 3.2, 3.9))
    _plot_accuracy(bands[0].subplots(), counts_by_run, loss_rows, reference)
    _plot_accuracy_per_class(bands[1], counts, class_names)
    left, right = bands[2].subplots(1, 2)
    _plot_commit_rows(left, counts, class_names)
    _plot_early_stopping(right, counts)
    left, right = bands[3].subplots(1, 2)
    _plot_confusion(left, counts, class_names)
    plot_calibration(right, counts)
    return figure


def _plot_accuracy(
    axes: Axes,
    counts_by_run: Mapping[str, RowCounts],
    loss_rows: Sequence[str],
    reference: Sequence[tuple[int, float]],
) -> None:
    axes.set_title("Accuracy against rows read, with its 95 % confidence band", **TITLE)
    # The styles repeat if there are more runs.
    for (name, counts), rows, style in zip(counts_by_run.items(), loss_rows, cycle(STYLES)):
        label: str | None = f"{name}, loss after {LOSS_ROWS.get(rows, rows)}"
        _plot_band(axes, *accuracy_by_row(counts), *style, label)
    label = "convolutional, trained separately for each row count"
    for visible, accuracy in reference:
        axes.plot(visible, 100 * accuracy, "k+", markersize=9, markeredgewidth=1.5, label=label)
        offset = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center", "fontsize": 8.5}
        axes.annotate(f"{100 * accuracy:.1f}", (visible, 100 * accuracy), **offset)
        label = None  # one legend entry for all
    axes.set(xlabel="rows read", ylabel="accuracy (%)", xticks=range(1, 29), xlim=(0.5, 28.5))
    axes.set_ylim(0, 114 if len(reference) else 102)
    axes.legend(loc="best", frameon=False, fontsize=9)
    if {"every", "last"} <= set(loss_rows):
        axes.text(0.012, 0.97, LESSON, transform=axes.transAxes, va="top", fontsize=9)
    shrink_labels(axes)


def _plot_band(
    axes: Axes,
    correct: np.ndarray,
    images: int,
    colour: str,
    marker: str | None = None,
    label: str | None = None,
) -> None:
    """Plot the accuracy after each row, with its confidence band; correct: (time steps,)."""
    rows = np.arange(1, len(correct) + 1)
    low, high = wilson_interval(correct, images)
    axes.fill_between(rows, 100 * low, 100 * high, color=colour, alpha=0.3, linewidth=0)
    accuracy = 100 * correct / (images or np.nan)
    axes.plot(rows, accuracy, color=colour, marker=marker, markersize=3.5, label=label)
    axes.set_ylim(0, 102)


def _plot_accuracy_per_class(
    figure: SubFigure, counts: RowCounts, class_names: Sequence[str]
) -> None:
    panels = figure.subplots(2, 5, sharex=True, sharey=True).ravel()
    title = f"Accuracy for each {class_noun(class_names)} (grey: all images)"
    figure.suptitle(title, x=0.012, ha="left", fontsize=9.5)
    size = 9 if long_names(class_names) else 14
    overall, images = accuracy_by_row(counts)
    for label, axes in enumerate(panels):
        axes.plot(range(1, len(overall) + 1), 100 * overall / images, color=GREY, linewidth=1)
        _plot_band(axes, *accuracy_by_row(counts, label), BLUE)
        style = {"transform": axes.transAxes, "ha": "right", "fontsize": size, "color": BLUE}
        axes.text(0.93, 0.08, class_names[label], **style)
        axes.set(xticks=ROW_TICKS, yticks=(0, 50, 100))
        shrink_labels(axes)
    figure.supxlabel("rows read", fontsize=9)
    figure.supylabel("accuracy (%)", fontsize=9)


def _plot_commit_rows(axes: Axes, counts: RowCounts, class_names: Sequence[str]) -> None:
    axes.set_title("Commit row: the predicted class never changes again", **TITLE)
    images = np.maximum(counts.commits.sum(axis=1, keepdims=True), 1)
    share = 100 * counts.commits / images  # (classes, time steps)
    classes, time_steps = share.shape
    extent = (0.5, time_steps + 0.5, classes - 0.5, -0.5)
    colours = axes.imshow(share, cmap="Blues", vmin=0, aspect="auto", extent=extent)
    scale = axes.figure.colorbar(colours, ax=axes, pad=0.02)
    noun = class_noun(class_names)
    scale.set_label(f"images of the {noun} (%)", fontsize=8)
    scale.ax.tick_params(labelsize=7)
    medians = [median_commit_row(commits) for commits in counts.commits]
    axes.plot(medians, range(classes), "o", color=ORANGE, markeredgecolor="white", markersize=7)
    median = median_commit_row(counts.commits.sum(axis=0))
    axes.set(xlabel=f"row (orange: median; of all images: {median})", ylabel=noun)
    axes.set_xticks(ROW_TICKS)
    show_classes(axes.yaxis, class_names)
    shrink_labels(axes)
    axes.grid(visible=False)


def _plot_early_stopping(axes: Axes, counts: RowCounts) -> None:
    axes.set_title("Early stopping at confidence p", **TITLE)
    correct, images = accuracy_by_row(counts)
    rows = range(1, len(correct) + 1)
    axes.plot(rows, 100 * correct / images, color=GREY, label="stop after a fixed row")
    rows_read, accuracy = early_stopping(counts)
    label = "stop when confidence ≥ p"
    axes.plot(rows_read, 100 * accuracy, color=BLUE, marker="o", markersize=4, label=label)
    for place, threshold in enumerate(THRESHOLDS):
        if threshold in (0.5, 0.7, 0.9, 0.99, 0.999):
            end = (rows_read[place], 100 * accuracy[place])
            offset = {"xytext": (-4, 4), "textcoords": "offset points", "ha": "right"}
            axes.annotate(f"{threshold:g}", end, fontsize=8, **offset)
    lowest = max(100 * accuracy.min() // 10 * 10 - 10, 0)
    axes.set(xlabel="mean rows read", ylabel="accuracy (%)", xticks=ROW_TICKS, ylim=(lowest, 104))
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    shrink_labels(axes)


def _plot_confusion(axes: Axes, counts: RowCounts, class_names: Sequence[str]) -> None:
    another = f"another {class_noun(class_names)}"
    axes.set_title(f"Last row with ≥ {100 * CONFUSED:.0f} % predicted as {another}", **TITLE)
    rows = last_confused_rows(counts, CONFUSED)
    axes.imshow(rows, cmap="Oranges", vmin=0, vmax=len(counts.confusion))
    for label, predicted in np.argwhere(rows):
        row = rows[label, predicted]
        style = {"ha": "center", "va": "center", "color": "white" if row > 20 else "black"}
        axes.text(predicted, label, row, fontsize=8.5, **style)
    show_classes(axes.xaxis, class_names)
    show_classes(axes.yaxis, class_names)
    axes.set(xlabel="predicted class", ylabel="label")
    shrink_labels(axes)
    axes.grid(visible=False)
