"""Cells compared on sequences of different lengths: the table and the figure."""

import json
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tf_lstm.plots.style import CELL_COLOURS, CELL_NAMES, simplify
from tf_lstm.results.records import Result
from tf_lstm.results.tables import mean_and_sd, test_accuracies
from tf_lstm.terminal.tables import markdown_table


class Trained(NamedTuple):
    """The settings that are compared, of one result."""

    cell: str
    time_steps: int
    learning_rate: float
    forget_bias: float | str
    row_order: str


def trained(result: Result) -> Trained:
    """What a result's run was trained with."""
    settings = json.loads(result.settings)
    return Trained(*(settings[name] for name in Trained._fields))


def results_with(results: Sequence[Result], **values: object) -> list[Result]:
    """The results whose `Trained` has these values, by seed."""
    wanted = values.items()
    own = [each for each in results if wanted <= trained(each)._asdict().items()]
    return sorted(own, key=lambda result: result.seed)


def chosen_rate(results: Sequence[Result]) -> float:
    """The learning rate with the highest validation accuracy of the first seed."""
    first = min(result.seed for result in results)
    own = [result for result in results if result.seed == first]
    return trained(max(own, key=lambda result: result.validation_accuracy)).learning_rate


def cells_table(results: Sequence[Result], usual_rate: float) -> str:
    """A Markdown table: a line for each length and cell, with both learning rates."""
    columns = (
        f"time steps | cell | test accuracy, %, learning rate {usual_rate:g} | chosen rate | "
        "test accuracy, %, chosen rate"
    )
    usual = results_with(results, forget_bias=1.0, row_order="reading")
    rows = []
    for time_steps in sorted({trained(each).time_steps for each in usual}):
        for cell in CELL_COLOURS:
            own = results_with(usual, time_steps=time_steps, cell=cell)
            if not own:
                continue
            rate = chosen_rate(own)
            row = (
                time_steps,
                cell,
                mean_and_sd(test_accuracies(results_with(own, learning_rate=usual_rate))),
                f"{rate:g}",
                mean_and_sd(test_accuracies(results_with(own, learning_rate=rate))),
            )
            rows.append(row)
    return markdown_table(columns, "rlrrr", rows)


def biases_table(results: Sequence[Result]) -> str:
    """A Markdown table of the LSTM with each initial forget bias; "" without such results."""
    columns = "time steps | forget bias | chosen learning rate | test accuracy, %"
    lstms = results_with(results, cell="lstm", row_order="reading")
    rows = []
    for time_steps in sorted({trained(each).time_steps for each in lstms}):
        own = results_with(lstms, time_steps=time_steps)
        biases = {trained(each).forget_bias for each in own}
        if len(biases) == 1:
            continue
        for bias in sorted(biases, key=str):
            with_bias = results_with(own, forget_bias=bias)
            rate = chosen_rate(with_bias)
            accuracies = test_accuracies(results_with(with_bias, learning_rate=rate))
            rows.append((time_steps, f"{bias}", f"{rate:g}", mean_and_sd(accuracies)))
    return markdown_table(columns, "rrrr", rows) if rows else ""


def cells_figure(results: Sequence[Result], usual_rate: float) -> Figure:
    """Plot the test error by the number of time steps, at the usual and the chosen rate."""
    usual = results_with(results, forget_bias=1.0, row_order="reading")
    (data,) = {result.data for result in usual}
    lengths = sorted({trained(each).time_steps for each in usual})
    figure = Figure(figsize=(8, 3.6), dpi=120, layout="constrained")
    titles = f"learning rate {usual_rate:g} for all", "learning rate chosen for each"
    for axes, title in zip(figure.subplots(1, 2, sharey=True), titles, strict=True):
        for cell, colour in CELL_COLOURS.items():
            means = {}
            for time_steps in lengths:
                own = results_with(usual, cell=cell, time_steps=time_steps)
                if own:
                    rate = usual_rate if "for all" in title else chosen_rate(own)
                    own = results_with(own, learning_rate=rate)
                errors = [100 - accuracy for accuracy in test_accuracies(own)]
                axes.plot([time_steps] * len(errors), errors, "o", color=colour, alpha=0.4)
                if errors:
                    means[time_steps] = statistics.mean(errors)
            axes.plot(list(means), list(means.values()), color=colour)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set(xscale="log", yscale="log", xlabel="time steps in which an image is read")
        axes.set_xticks(lengths, [str(length) for length in lengths])
        axes.xaxis.minorticks_off()
        axes.set_yticks([2, 5, 10, 20, 50, 90], ["2", "5", "10", "20", "50", "90"])
        axes.yaxis.minorticks_off()
        simplify(axes)
    figure.axes[0].set_ylabel(f"test error on {data} (%)")
    handles = [
        Line2D([], [], color=colour, marker="o", label=CELL_NAMES[cell])
        for cell, colour in CELL_COLOURS.items()
    ]
    figure.axes[0].legend(handles=handles, loc="upper left", frameon=False)
    return figure
