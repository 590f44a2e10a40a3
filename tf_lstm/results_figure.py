"""The results of all recipes as a figure: every run a dot, the published accuracy a line.

Errors are drawn, on a logarithmic axis: 99 % is as far from 98 % as 98 % is from 96 %.
"""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from tf_lstm.recipes import RECIPES
from tf_lstm.results import current, mean_and_spread

OURS, PUBLISHED = "#0072b2", "#d55e00"  # safe for colour-blind readers


def results_figure(results):
    """Draw the test errors of `results`, a row for each recipe that has some."""
    rows = [(recipe, current(results, recipe)) for recipe in RECIPES.values()]
    rows = [(recipe, of_recipe) for recipe, of_recipe in rows if of_recipe]
    (data,) = {result.data for result in results}
    figure = Figure(figsize=(8, 1.4 + 0.42 * len(rows)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for height, (recipe, of_recipe) in enumerate(rows):
        # No error at all has no place on a logarithmic axis: half an image in 10,000 then.
        errors = [max(100 - 100 * result.test_accuracy, 0.005) for result in of_recipe]
        axes.plot(errors, [height] * len(errors), "o", color=OURS, alpha=0.6, markersize=6)
        axes.annotate(
            mean_and_spread([result.test_accuracy for result in of_recipe]),
            (1, height),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            color=OURS,
        )
        if recipe.published:
            axes.vlines(
                100 - recipe.published, height - 0.3, height + 0.3, color=PUBLISHED, linewidth=2
            )
    axes.set_yticks(range(len(rows)), [recipe.name for recipe, _ in rows])
    axes.set(
        ylim=(len(rows) - 0.5, -0.5),
        xscale="log",
        xlabel=f"error on the {data} test images, % (at the right margin: accuracy, %)",
    )
    axes.invert_xaxis()  # better is further right
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.minorticks_off()
    axes.grid(axis="x", color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        handles=[
            Line2D([], [], marker="o", linestyle="", color=OURS, alpha=0.6, label="a run here"),
            Line2D([], [], color=PUBLISHED, linewidth=2, label="published"),
        ],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=2,
        frameon=False,
    )
    return figure
