"""Results of many runs as Markdown tables, beside the published accuracies."""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from tf_lstm.published_systems import DEEP_READINGS
from tf_lstm.recipes import RECIPES
from tf_lstm.runs.flags import PRECISIONS
from tf_lstm.runs.references import Reference, accuracies_by_rows, read_references
from tf_lstm.runs.results import Result, current_results, read_results
from tf_lstm.settings import Recipe
from tf_lstm.terminal.tables import markdown_table

KERAS, OLD_KERAS = "Keras", "Keras, old settings"  # the systems that are controls


def percent(share: float) -> str:
    """0.9802 -> "98.02"."""
    return f"{100 * share:.2f}"


def mean_and_sd(shares: Sequence[float]) -> str:
    """Mean ± standard deviation over seeds, in percent; one seed has no deviation."""
    mean = percent(statistics.mean(shares))
    return f"{mean} ± {percent(statistics.stdev(shares))}" if len(shares) > 1 else f"{mean}, 1 seed"


def compare_with_published(results: Sequence[Result], published: float | None) -> str:
    """The difference of the mean test accuracy from a published one, in points, ± standard error.

    The published result is assumed to be one run that varies from seed to seed as ours do, so the
    variance of the difference is `variance * (1 + 1 / n)`.
    """
    if published is None:
        return ""
    accuracies = [100 * result.test_accuracy for result in results]
    difference = statistics.mean(accuracies) - published
    if len(accuracies) == 1:
        return f"{difference:+.2f}"
    error = statistics.stdev(accuracies) * math.sqrt(1 + 1 / len(accuracies))
    return describe_difference(difference, error)


def compare_in_pairs(results: Iterable[Result], baseline: Sequence[Result]) -> str:
    """The mean difference from other results' accuracies with the same seeds, in points."""
    baseline_by_seed = {result.seed: result.test_accuracy for result in baseline}
    differences = [
        100 * (result.test_accuracy - baseline_by_seed[result.seed])
        for result in results
        if result.seed in baseline_by_seed
    ]
    if not differences:
        return ""
    if len(differences) == 1:
        return f"{differences[0]:+.2f}"
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return describe_difference(statistics.mean(differences), error)


def compare_means(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The difference of two mean accuracies (0 to 1), in points, ± its standard error."""
    difference = 100 * (statistics.mean(ours) - statistics.mean(theirs))
    if min(len(ours), len(theirs)) == 1:
        return f"{difference:+.2f}"
    variances = (statistics.variance(group) / len(group) for group in (ours, theirs))
    return describe_difference(difference, 100 * math.sqrt(sum(variances)))


def describe_difference(difference: float, error: float) -> str:
    """A difference ± its standard error; in bold if it is more than two of them."""
    text = f"{difference:+.2f} ± {error:.2f}"
    return f"**{text}**" if abs(difference) > 2 * error else text


def line_name(recipe: Recipe, precision: str) -> str:
    """The name of a line of results: the recipe's, with the precision unless it is float32."""
    return recipe.name if precision == PRECISIONS[0] else f"{recipe.name}, {precision}"


def results_table(results: Sequence[Result], data_flag: str = "") -> str:
    """A Markdown table with a line for each recipe and precision that has results.

    Args:
        results: all on the same data.
        data_flag: how the commands select the data, if it is not MNIST.

    Raises:
        ValueError: the results are of more than one dataset.
    """
    (data,) = {result.data for result in results}
    columns = (
        f"recipe | published, % | test accuracy, % ({data}) | difference | validation, % | seeds | "
        "epochs | command"
    )
    rows = []
    for recipe, precision in itertools.product(RECIPES.values(), PRECISIONS):
        own = current_results(results, recipe, precision=precision)
        if not own:
            continue
        flags = f"--recipe {recipe.name} --engine folded"
        difference = compare_with_published(own, recipe.published)
        baseline = recipe.baseline
        if precision != PRECISIONS[0]:
            flags = f"{flags} --precision {precision}"
            baseline = recipe.name
        if baseline:
            if difference := compare_in_pairs(own, current_results(results, RECIPES[baseline])):
                difference += f" vs. {baseline}"
        validation = [result.validation_accuracy for result in own]
        row = (
            line_name(recipe, precision),
            f"{recipe.published:.2f}" if recipe.published else "none",
            mean_and_sd([result.test_accuracy for result in own]),
            difference,
            mean_and_sd(validation) if recipe.validation else "",
            ", ".join(str(result.seed) for result in own),
            f"{recipe.max_steps:,} steps" if recipe.max_steps else recipe.epochs,
            f"`python scripts/train_mnist.py {flags}{data_flag}`",
        )
        rows.append(row)
    return markdown_table(columns, "lrrlrlrl", rows)


def controls_table(results: Sequence[Result], controls: Sequence[Result]) -> str:
    """A Markdown table of the recipes that were also trained with Keras' own `fit`."""
    columns = (
        "recipe | published, % | Keras, % | Keras, old settings, % | "
        "old settings − Keras, same seeds | this project, % | this project − Keras | seeds"
    )
    rows = []
    for recipe in RECIPES.values():
        ours = current_results(results, recipe)
        data = ours[0].data if ours else ""
        keras, old = (current_results(controls, recipe, data, s) for s in (KERAS, OLD_KERAS))
        if keras:
            accuracies = [[result.test_accuracy for result in g] for g in (keras, old, ours)]
            keras_mean, old_mean, our_mean = (mean_and_sd(g) if g else "" for g in accuracies)
            published = f"{recipe.published:.2f}" if recipe.published else "none"
            change = compare_in_pairs(old, keras)
            difference = compare_means(accuracies[2], accuracies[0])
            seeds = ", ".join(str(result.seed) for result in keras)
            row = (published, keras_mean, old_mean, change, our_mean, difference, seeds)
            rows.append((recipe.name, *row))
    return markdown_table(columns, "lrrrlrll", rows) if rows else ""


def readings_table(results: Sequence[Result]) -> str:
    """A Markdown table of the test accuracies of `deep` during training."""
    recipe = RECIPES["deep"]
    texts = [result.test_readings.split() for result in current_results(results, recipe)]
    rows = [
        (f"{(index + 1) * (recipe.test_every or 0):,}", f"{published:.2f}", mean_and_sd(ours))
        for index, published in enumerate(DEEP_READINGS)
        if (ours := [float(readings[index]) for readings in texts if len(readings) > index])
    ]
    return (
        markdown_table("step of deep | published, % | test accuracy, %", "rrr", rows)
        if rows
        else ""
    )


def rows_table(results: Sequence[Result], references: Sequence[Reference]) -> str:
    """A Markdown table of the accuracies of `early` after some rows, beside reference networks."""
    early = current_results(results, RECIPES["early"], precision=None)
    early = [result for result in early if result.row_accuracies]
    curves = [result.row_accuracies.split() for result in early]
    references = [line for line in references if line.data in {result.data for result in early}]
    rows = []
    for count, reference in accuracies_by_rows(references).items():
        ours = [float(accuracies[count - 1]) for accuracies in curves]
        means = mean_and_sd(ours), mean_and_sd(reference)
        rows.append((count, *means, compare_means(ours, reference)))
    columns = "rows read | early, % | convolutional network for these rows, % | difference"
    return markdown_table(columns, "rrrl", rows) if rows else ""


def all_tables(path: Path, data_flag: str = "", controls_path: Path | None = None) -> str:
    """All tables that are not empty.

    Args:
        path: the file of the results; that of reference networks is beside it.
        data_flag: as in `results_table`.
        controls_path: the file of the controls, or None for controls.csv beside it.
    """
    results = read_results(path)
    controls = read_results(controls_path or path.with_name("controls.csv"))
    references = read_references(path.with_name("reference_by_row.csv"))
    tables = (
        results_table(results, data_flag),
        controls_table(results, controls),
        rows_table(results, references),
        readings_table(results),
    )
    return "\n".join(table for table in tables if table)
