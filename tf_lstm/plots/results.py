"""The results of all recipes as a figure: a dot for each run, a line for the published accuracy.

Errors are on a logarithmic axis: halving the error is the same distance everywhere.
"""

import itertools

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from tf_lstm.plots.style import BLUE, simplify
from tf_lstm.recipes import RECIPES
from tf_lstm.runs.flags import PRECISIONS
from tf_lstm.runs.results import Result, current_results
from tf_lstm.runs.tables import line_name, mean_and_sd
from tf_lstm.settings import Recipe

OURS, PUBLISHED = BLUE, "#D55E00"  # both from Okabe and Ito's palette
SMALLEST_ERROR = 0.005  # %, half an image in 10,000: a logarithmic axis has no zero


def results_figure(results: list[Result]) -> Figure:
    """Plot test errors, with a line for each recipe and precision that has results."""
    lines = [
        (recipe, precision, runs)
        for recipe, precision in itertools.product(RECIPES.values(), PRECISIONS)
        if (runs := current_results(results, recipe, precision=precision))
    ]
    names = [line_name(recipe, precision) for recipe, precision, _ in lines]
    (data,) = {result.data for result in results}
    figure = Figure(figsize=(8, 1.4 + 0.42 * len(lines)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for height, (recipe, _, runs) in enumerate(lines):
        _plot_recipe(axes, height, recipe, runs)
    axes.set_yticks(range(len(lines)), names)
    axes.set(
        ylim=(len(lines) - 0.5, -0.5),
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


def _plot_recipe(axes: Axes, height: float, recipe: Recipe, runs: list[Result]) -> None:
    accuracies = [result.test_accuracy for result in runs]
    errors = [max(100 - 100 * accuracy, SMALLEST_ERROR) for accuracy in accuracies]
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
    if recipe.published:
        ends = height - 0.3, height + 0.3
        axes.vlines(100 - recipe.published, *ends, color=PUBLISHED, linewidth=2)
