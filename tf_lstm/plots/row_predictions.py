"""One image's row predictions as a grid: the rows read so far beside the probabilities."""

from collections.abc import Sequence
from typing import NamedTuple

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

MOST_BARS = 12  # of more classes, only the ten most probable are shown
UNREAD = {"facecolor": "0.9", "edgecolor": "0.7", "hatch": "////"}


class Prediction(NamedTuple):
    """An image and its row predictions: what all figures of one image show."""

    image: np.ndarray  # (28, 28) uint8
    label: int | None  # the true class, from 0, or None if it is unknown
    probabilities: np.ndarray  # (28, classes), the softmax after each row
    title: str  # names the image, its data and the run
    class_names: Sequence[str] = DIGITS

    @property
    def commit_row(self) -> int:
        """The row from which the predicted class never changes again."""
        return commit_row(self.probabilities)

    @property
    def shown_classes(self) -> np.ndarray:
        """The classes that get bars: all, or ten that were the most probable after any row.

        The label and the class predicted at the end are always among them.
        """
        classes = self.probabilities.shape[1]
        if classes <= MOST_BARS:
            return np.arange(classes)
        largest = self.probabilities.max(axis=0)
        largest[
            [self.probabilities[-1].argmax(), *([] if self.label is None else [self.label])]
        ] = 2
        return np.sort(np.argsort(-largest, kind="stable")[:10])

    def describe(self) -> str:
        """The final predicted class, its commit row and whether it is correct, as a sentence."""
        final = int(np.argmax(self.probabilities[-1]))
        known, verdict = "", ""
        if self.label is not None:
            known = f"Label {self.class_names[self.label]}. "
            verdict = " (correct)" if final == self.label else " (wrong)"
        # Two long names leave no room for the explanation.
        ending = "" if long_names(self.class_names) else " and never changes again"
        return (
            f"{known}From row {self.commit_row} (the commit row) on, the predicted class is "
            f"{self.class_names[final]}{verdict}{ending}."
        )

    def summarize(self) -> str:
        """The final predicted class, its probability and its commit row."""
        final = int(np.argmax(self.probabilities[-1]))
        return (
            f"predicted class {self.class_names[final]}, "
            f"confidence {self.probabilities[-1, final]:.2f}, commit row {self.commit_row}"
        )

    def colour(self, predicted: int) -> str:
        """The colour of a predicted class."""
        if self.label is None:
            return PREDICTED
        return TRUE_CLASS if predicted == self.label else WRONG


def row_predictions_figure(prediction: Prediction) -> Figure:
    """Plot the rows read so far and the predicted probabilities after each of the 28 rows.

    The axes come in pairs: "image t" shows rows 1 to t, "row t" the bars.
    """
    classes = len(prediction.class_names)
    names = 0.62 if long_names(prediction.class_names) else 0.0  # inches below each row of panels
    height = 10.4 + 7 * names
    figure = Figure(figsize=(8.5, height), dpi=130, facecolor="white")
    above, below, gap = 1.21, 0.23 + names, 0.43 + names  # inches
    panel = (height - above - below - 6 * gap) / 7
    edges = {"left": 0.012, "right": 0.972, "top": 1 - above / height, "bottom": below / height}
    grid = figure.add_gridspec(7, 4, **edges, wspace=0.15, hspace=gap / panel)
    for row in range(1, len(prediction.image) + 1):
        left, right = grid[row - 1].subgridspec(1, 2, width_ratios=(1, 1.04), wspace=0.05)
        show_rows_read(figure.add_subplot(left, label=f"image {row}"), prediction.image, row)
        bars = figure.add_subplot(right, label=f"row {row}")
        plot_probabilities(bars, prediction, row, f"row {row}")
        if names:  # the title covers the space above the image
            bars.title.set(x=1.0, horizontalalignment="right")
        else:
            bars.title.set_x(0.45)  # left of the tick label at the top

    bars_are = f"the softmax over the {'ten' if classes == 10 else classes} classes after each row"
    if classes > MOST_BARS:
        bars_are = f"the softmax after each row, of the ten most probable of {classes} classes"
    explanation = (
        f"{prediction.describe()}\nBars: {bars_are}. "
        "Above them: row · predicted class · its probability."
    )
    figure.suptitle(prediction.title, y=1 - 0.083 / height, **FIGURE_TITLE)
    y = 1 - 0.354 / height
    figure.text(0.012, y, explanation, va="top", fontsize=8.5, linespacing=1.4)
    loc = (0.012, 1 - 0.988 / height)
    patches = legend_patches(prediction, Patch(**UNREAD, label="not read yet"))
    figure.legend(handles=patches, loc=loc, ncols=5, frameon=False, fontsize=8.5)
    return figure


def legend_patches(prediction: Prediction, *more: Patch) -> list[Patch]:
    """Legend entries for the colours of the bars and the background, and `more` between them."""
    if prediction.label is None:
        patches = [Patch(color=PREDICTED, label="predicted class")]
    else:
        true_name = shorten(prediction.class_names[prediction.label])
        patches = [
            Patch(color=TRUE_CLASS, label=f"true class, {true_name}"),
            Patch(color=WRONG, label="wrong predicted class"),
        ]
    committed = Patch(facecolor=COMMITTED, edgecolor="0.7", label="from the commit row on")
    return [*patches, Patch(color=OTHER, label="other classes"), *more, committed]


def show_rows_read(axes: Axes, image: np.ndarray, rows_read: int) -> None:
    """Show the first rows of an image (28, 28), and a hatched area below them."""
    unread = np.broadcast_to(np.arange(len(image))[:, None] >= rows_read, image.shape)
    axes.imshow(np.ma.masked_array(image, unread), cmap="gray", vmin=0, vmax=255)
    axes.patch.set(**UNREAD)
    axes.set(xticks=[], yticks=[], anchor="W")
    axes.spines[:].set_visible(False)


def plot_probabilities(axes: Axes, prediction: Prediction, row: int, name: str) -> None:
    """Plot the probabilities after a row, from 1, as bars, titled with `name` and prediction."""
    probabilities, label = prediction.probabilities[row - 1], prediction.label
    predicted, shown = int(np.argmax(probabilities)), prediction.shown_classes
    special = {predicted: prediction.colour(predicted), label: TRUE_CLASS}
    colours = [special.get(each, OTHER) for each in shown]
    axes.bar(range(len(shown)), probabilities[shown], color=colours, width=0.8, zorder=2)
    mark = "" if label is None else " ✓" if predicted == label else " ✗"
    predicted_name = shorten(prediction.class_names[predicted])
    title = f"{name} · {predicted_name} · {probabilities[predicted]:.2f}{mark}"
    axes.set_title(title, fontsize=8, pad=3)
    axes.set(xlim=(-0.6, len(shown) - 0.4), ylim=(0, 1))
    axes.set_facecolor(COMMITTED if row >= prediction.commit_row else "white")
    show_classes(axes.xaxis, [prediction.class_names[each] for each in shown])
    axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.yaxis.tick_right()
    axes.tick_params(length=0, pad=2, labelsize=7)
    axes.grid(axis="y", color="0.8", linewidth=0.6)
    axes.spines[["left", "right", "top"]].set_visible(False)
    if label is not None:
        true_name = axes.get_xticklabels()[list(shown).index(label)]
        true_name.set(color=TRUE_CLASS, fontweight="bold")
