"""The results of all recipes as a figure: every run a dot, the published accuracy a line."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tf_lstm.recipes import RECIPES
from tf_lstm.results import current, mean_and_spread

OURS, PUBLISHED = "#0072b2", "#d55e00"  # safe for colour-blind readers


def results_figure(results):
    """Draw the test accuracies of `results`, a row for each recipe that has some."""
    rows = [(recipe, current(results, recipe)) for recipe in RECIPES.values()]
    rows = [(recipe, of_recipe) for recipe, of_recipe in rows if of_recipe]
    (data,) = {result.data for result in results}
    figure = Figure(figsize=(8, 1.4 + 0.42 * len(rows)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for height, (recipe, of_recipe) in enumerate(rows):
        accuracies = [100 * result.test_accuracy for result in of_recipe]
        axes.plot(accuracies, [height] * len(accuracies), "o", color=OURS, alpha=0.6, markersize=6)
        axes.annotate(
            mean_and_spread([accuracy / 100 for accuracy in accuracies]),
            (1, height),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            color=OURS,
        )
        if recipe.published:
            axes.vlines(recipe.published, height - 0.3, height + 0.3, color=PUBLISHED, linewidth=2)
    axes.set_yticks(range(len(rows)), [recipe.name for recipe, _ in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=f"accuracy on the {data} test images, %")
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
