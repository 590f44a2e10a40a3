"""Loss and error after each epoch of a run."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from tf_lstm.plots.style import BLUE, simplify

if TYPE_CHECKING:  # importing it at run time would import TensorFlow
    from tf_lstm.train_loop import EpochMetrics


def learning_curves_figure(history: "list[EpochMetrics]", title: str) -> Figure:
    """Plot loss and error after each epoch; without a validation split its metrics are nan."""
    figure = Figure(figsize=(8.5, 3.6), dpi=130, facecolor="white", layout="constrained")
    seconds = sum(metrics.seconds for metrics in history)
    epochs = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    figure.suptitle(f"{title}: {epochs}, {seconds:.0f} s", fontsize=11)
    left, right = figure.subplots(1, 2)
    _plot_curves(left, history, "loss", "loss (nats)")
    _plot_curves(right, history, "accuracy", "error (%)")
    return figure


def _plot_curves(axes: Axes, history: "list[EpochMetrics]", metric: str, ylabel: str) -> None:
    epochs = [metrics.epoch for metrics in history]
    curves = {}
    for split in ("train", "validation"):
        values = np.array([getattr(metrics, f"{split}_{metric}") for metrics in history])
        if np.isfinite(values).any():
            curves[split] = values if metric == "loss" else 100 * (1 - values)
    highest = max(curves, key=lambda split: curves[split][-1], default=None)
    for split, curve in curves.items():
        colour, marker = ("0.4", "o") if split == "train" else (BLUE, "s")
        axes.plot(epochs, curve, color=colour, marker=marker, markersize=4, label=split)
        va = "bottom" if split == highest else "top"  # keeps the labels of close curves apart
        end = (epochs[-1], curve[-1])
        axes.annotate(split, end, (6, 0), textcoords="offset points", va=va, color=colour)
    shown = np.concatenate([*curves.values(), []])
    shown = shown[np.isfinite(shown)]
    if shown.size and shown.min() > 0:
        axes.set(yscale="log", ylim=(shown.min() / 1.5, shown.max() * 1.5))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.minorticks_off()
    axes.set(xlabel="epoch", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    simplify(axes)
