"""The results of all recipes as a figure: a dot for each run, a line for the published accuracy.

Errors are on a logarithmic axis: halving the error is the same distance everywhere.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from tf_lstm.plots.style import BLUE, simplify
from tf_lstm.results.records import Result
from tf_lstm.results.tables import Group, group_results, mean_and_sd, test_accuracies

OURS, PUBLISHED = BLUE, "#D55E00"  # both from Okabe and Ito's palette
SMALLEST_ERROR = 0.005  # %, half an image in 10,000: a logarithmic axis has no zero


def results_figure(results: list[Result]) -> Figure:
    """Plot test errors, with a line for each recipe and precision that has results."""
    groups = group_results(results)
    (data,) = {result.data for result in results}
    figure = Figure(figsize=(8, 1.4 + 0.42 * len(groups)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for height, group in enumerate(groups):
        _plot_group(axes, height, group)
    axes.set_yticks(range(len(groups)), [group.name for group in groups])
    axes.set(
        ylim=(len(groups) - 0.5, -0.5),
        xscale="log",
        xlabel=f"test error on {data} (%); right margin: mean test accuracy ± standard deviation",
    )
    axes.invert_xaxis()  # better is further right
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.minorticks_off()
    simplify(axes, grid="x")
    handles = [
        Line2D([], [], marker="o", linestyle="", color=OURS, alpha=0.6, label="one of our runs"),
        Line2D([], [], color=PUBLISHED, linewidth=2, label="published"),
    ]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    return figure


def _plot_group(axes: Axes, height: float, group: Group) -> None:
    accuracies = test_accuracies(group.results)
    errors = [max(100 - accuracy, SMALLEST_ERROR) for accuracy in accuracies]
    axes.plot(errors, [height] * len(errors), "o", color=OURS, alpha=0.6, markersize=6)
    axes.annotate(
        mean_and_sd(accuracies),
        (1, height),
        (6, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        color=OURS,
    )
    if group.recipe.published:
        ends = height - 0.3, height + 0.3
        axes.vlines(100 - group.recipe.published, *ends, color=PUBLISHED, linewidth=2)
