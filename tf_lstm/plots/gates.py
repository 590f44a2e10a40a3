"""Inside a layer while it reads one image: its gates and states after every row."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tf_lstm.plots.row_predictions import Prediction
from tf_lstm.plots.style import BLUE, FIGURE_TITLE, GREEN, ORANGE, ROW_TICKS, shorten

NAMES = {  # titles of the panels; other cells' gates have their names only
    "i": "input gate i",
    "f": "forget gate f",
    "g": "candidate g",
    "o": "output gate o",
    "z": "update gate z",
    "r": "reset gate r",
    "cell_state": "cell_state",
    "hidden": "hidden",
    "means": "means over the units",
    "evidence": "evidence (nats)",
}
COLOURS = {"i": BLUE, "f": ORANGE, "o": GREEN, "z": ORANGE, "r": BLUE}
RIVAL = "#CC79A7"  # from Okabe and Ito's palette, like the other colours
SIGNED = ("g", "hidden", "cell_state")  # the others lie between 0 (closed) and 1 (open)


class Inside(NamedTuple):
    """What goes on in one layer; see `tf_lstm.inside`."""

    values: Mapping[str, np.ndarray]  # gates and states by name, each (28, units)
    contributions: np.ndarray | None  # (units, classes), to the last logits; of the last layer
    evidence: np.ndarray  # (28, classes), nats
    layer: str = ""  # names the layer in the title, where there are several


def gates_figure(prediction: Prediction, inside: Inside) -> Figure:
    """Plot heat maps (rows × units) of all gates and states, their means, and the evidence.

    The axes are "image", those of `inside.values`, "means" and "evidence"; all share the rows.
    """
    classes = np.argsort(prediction.probabilities[-1])[:-3:-1]  # the predicted class and its rival
    order, sorting = sort_units(inside, classes, prediction)
    figure = Figure(figsize=(8.5, 8.4), dpi=130, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.875), w_pad=0.04, h_pad=0.06)
    names = [*inside.values]
    panels = ["image", *names, "means", "evidence"]
    columns = -(-len(panels) // 2)
    grid = [*figure.subplots(2, columns, sharey=True).flat]
    axes_by_name = dict(zip(panels, grid, strict=False))
    for spare in grid[len(panels) :]:
        spare.set_visible(False)
    for name, axes in axes_by_name.items():
        axes.set_label(name)
        axes.set_title(NAMES.get(name, name), fontsize=9, loc="left")
        axes.tick_params(labelsize=7.5, length=2)
    edges = (0.5, 28.5, 28.5, 0.5)  # row t lies between t - 1/2 and t + 1/2
    image = axes_by_name["image"]
    image.imshow(prediction.image, cmap="gray", vmin=0, vmax=255, extent=edges, aspect="auto")
    image.set(yticks=ROW_TICKS, xticks=[])
    for name in names:
        _plot_values(axes_by_name[name], name, inside.values[name][:, order])
    _plot_means(axes_by_name["means"], inside.values)
    _plot_evidence(axes_by_name["evidence"], inside.evidence, classes, prediction)
    for axes in grid[::columns]:
        axes.set_ylabel("row, read from the top", fontsize=8.5)

    explanation = (
        f"{prediction.describe()}\n{sorting}\n"
        "Gates: black is open. Means: over the units. Evidence: the change of a class's "
        "log-probability by each row, from 0."
    )
    figure.suptitle(f"{inside.layer}{prediction.title}", y=0.99, **FIGURE_TITLE)
    figure.text(0.012, 0.958, explanation, va="top", fontsize=8.5, linespacing=1.4)
    return figure


def sort_units(
    inside: Inside, classes: np.ndarray, prediction: Prediction
) -> tuple[np.ndarray, str]:
    """The order in which the units are plotted, and a sentence that says which it is."""
    if inside.contributions is None:
        order = np.argsort(inside.values["hidden"][-1])
        return order, "Each column is a unit; units are sorted by hidden after the last row."
    first, rival = classes
    difference = inside.contributions[:, first] - inside.contributions[:, rival]
    names = [prediction.class_names[each] for each in classes]
    return np.argsort(difference), (
        "Each column is a unit; units are sorted by what they add, after the last row, to the "
        f"logit of {names[0]} minus that of {names[1]}:\nthose on the left speak for {names[1]}, "
        f"those on the right for {names[0]}."
    )


def _plot_values(axes: Axes, name: str, values: np.ndarray) -> None:
    """Plot the values (28, units) of a gate or a state as a heat map with its scale."""
    # A few units may reach a cell state of 10 and more; the others would look like zeros.
    largest = max(1.0, float(np.percentile(np.abs(values), 98)))
    limits = {"vmin": -largest, "vmax": largest} if name in SIGNED else {"vmin": 0, "vmax": 1}
    extent = (0.5, values.shape[1] + 0.5, 28.5, 0.5)
    colours = "PuOr" if name in SIGNED else "Greys"
    picture = axes.imshow(values, cmap=colours, aspect="auto", extent=extent, **limits)
    axes.set_xticks([])
    beyond = "both" if largest > 1 else "neither"
    place = {"orientation": "horizontal", "pad": 0.02, "aspect": 18, "extend": beyond}
    scale = axes.figure.colorbar(picture, ax=axes, **place)
    ends = (-largest, 0, largest) if name in SIGNED else (0, 0.5, 1)
    scale.set_ticks(ends, labels=[f"{end:.2g}".replace("-", "−") for end in ends])
    scale.ax.tick_params(labelsize=7, length=2)


def _legend_below(axes: Axes) -> None:
    """A legend that hides no row."""
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.07), "ncols": 4}
    space = {"handlelength": 0.8, "handletextpad": 0.4, "columnspacing": 0.7, "borderpad": 0}
    legend = axes.legend(fontsize=7, frameon=False, **place, **space)
    legend.set_in_layout(False)  # the scales beside it leave room


def _plot_means(axes: Axes, values: Mapping[str, np.ndarray]) -> None:
    """Plot the mean over the units of each gate, and of the state's absolute value."""
    rows = range(1, 29)
    for name, colour in COLOURS.items():
        if name in values:
            axes.plot(values[name].mean(axis=1), rows, color=colour, label=name)
    state = "cell_state" if "cell_state" in values else "hidden"
    mean = np.abs(values[state]).mean(axis=1)
    axes.plot(mean, rows, color="0.3", linestyle="--", label=f"|{state}|")
    axes.set_xlim(0, 1.08 * max(1.0, float(mean.max())))
    _legend_below(axes)
    axes.grid(color="0.88", linewidth=0.6)


def _plot_evidence(
    axes: Axes, evidence: np.ndarray, classes: np.ndarray, prediction: Prediction
) -> None:
    """Plot the evidence of each row for two classes, in nats, as bars."""
    rows = np.arange(1, 29)
    for at, (label, colour) in enumerate(zip(classes, (BLUE, RIVAL), strict=True)):
        name = shorten(prediction.class_names[label])
        axes.barh(rows - 0.2 + 0.4 * at, evidence[:, label], 0.4, color=colour, label=f"for {name}")
    axes.axvline(0, color="0.3", linewidth=0.8)
    _legend_below(axes)
    axes.grid(axis="x", color="0.88", linewidth=0.6)
