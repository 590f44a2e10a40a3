"""How large the gradient still is when it has flowed back to a row, by network."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from tf_lstm.plots.style import (
    CELL_COLOURS,
    CELL_NAMES,
    FIGURE_TITLE,
    PURPLE,
    ROW_TICKS,
    small_chart,
)

# Blues for an LSTM's forget biases, from light to dark; others of Okabe and Ito's palette.
COLOURS = {
    "LSTM, forget bias 0": "#56B4E9",
    "LSTM, forget bias 1": "#0072B2",
    "LSTM, forget bias 3": "#002b4d",
    CELL_NAMES["gru"]: CELL_COLOURS["gru"],
    CELL_NAMES["rnn"]: CELL_COLOURS["rnn"],
}
OTHERS = (PURPLE, "#D55E00", "0.5", "#F0E442")  # of other networks, in turn
STAGES = {"before": "before training", "after": "after training"}


class GradientNorm(NamedTuple):
    """Norms of the gradient of the last row's loss with respect to a state after a row.

    All are relative to the norm for the same part of the state after the last row: the quartiles
    over the images are those of each image's own ratio, and `total` is the ratio of the norms of
    all images' gradients together.
    """

    network: str  # such as "GRU"
    time_steps: int
    seed: int
    training: str  # one of `STAGES`
    state: str  # "hidden" or "cell_state"
    row: int  # or time step, from 1
    lower_quartile: float
    median: float
    upper_quartile: float
    total: float


def gradients_figure(norms: Sequence[GradientNorm], title: str, explanation: str) -> Figure:
    """Plot the gradient with respect to `hidden` by row: before and after training, by length."""
    lengths = sorted({norm.time_steps for norm in norms})
    networks = [*dict.fromkeys(norm.network for norm in norms)]
    others = [network for network in networks if network not in COLOURS]
    colours = COLOURS | {each: OTHERS[i % len(OTHERS)] for i, each in enumerate(others)}
    height = 1.1 + 2.35 * len(lengths)
    figure = Figure(figsize=(8.5, height), dpi=130, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 1.05 / height), h_pad=0.1)
    panels = figure.subplots(len(lengths), len(STAGES), squeeze=False)
    for line, time_steps in zip(panels, lengths, strict=True):
        for axes, (stage, words) in zip(line, STAGES.items(), strict=True):
            for network in networks:
                own = [
                    norm
                    for norm in norms
                    if (norm.network, norm.time_steps) == (network, time_steps)
                    and (norm.training, norm.state) == (stage, "hidden")
                ]
                _plot_norms(axes, own, colours[network])
            _finish(axes, time_steps, words)
        line[0].set_ylabel("gradient / that of the last row", fontsize=8)
    figure.legend(
        handles=[Line2D([], [], color=colours[each], label=each) for each in networks],
        loc="upper left",
        bbox_to_anchor=(0.005, 1 - 0.75 / height),
        ncols=5,
        columnspacing=1.5,
        frameon=False,
        fontsize=8.5,
    )
    figure.suptitle(title, y=1 - 0.08 / height, **FIGURE_TITLE)
    figure.text(0.012, 1 - 0.36 / height, explanation, va="top", fontsize=8.5, linespacing=1.4)
    return figure


def _plot_norms(axes: Axes, norms: Sequence[GradientNorm], colour: str) -> None:
    """Plot the median and the total by row, each the geometric mean over the seeds."""
    rows = sorted({norm.row for norm in norms})
    for name, line, width in (("median", "-", 1.6), ("total", ":", 1.1)):
        means = [
            geometric_mean(getattr(norm, name) for norm in norms if norm.row == row) for row in rows
        ]
        axes.plot(rows, means, line, color=colour, linewidth=width)


def _finish(axes: Axes, time_steps: int, words: str) -> None:
    small_chart(axes, f"{time_steps} time steps, {words}")
    axes.axhline(1, color="0.4", linewidth=0.7, zorder=1)  # the size at the last row
    ticks = [max(1, round(row * time_steps / ROW_TICKS[-1])) for row in ROW_TICKS]
    axes.set(
        yscale="log", xticks=[1, *ticks[1:]], xlabel="row" if time_steps == 28 else "time step"
    )
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.minorticks_off()


def geometric_mean(numbers: Iterable[float]) -> float:
    """The mean on a logarithmic axis."""
    return float(np.exp(np.mean(np.log([*numbers]))))
