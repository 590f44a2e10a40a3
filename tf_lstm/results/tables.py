"""Results of many runs as Markdown tables, beside the published accuracies."""

import itertools
import shlex
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tf_lstm.engines.names import fastest_engine
from tf_lstm.published_systems import DEEP_READINGS
from tf_lstm.recipes import RECIPES
from tf_lstm.results import differences
from tf_lstm.results.records import (
    KERAS,
    OLD_KERAS,
    Reference,
    Result,
    accuracies_by_rows,
    current_results,
    read_results,
)
from tf_lstm.settings import PRECISIONS, Recipe
from tf_lstm.terminal.tables import markdown_table


class Group(NamedTuple):
    """The results of one recipe in one precision: a line of the table and of the figure."""

    recipe: Recipe
    precision: str
    results: list[Result]

    @property
    def name(self) -> str:
        """The recipe's name, with the precision unless it is float32."""
        is_usual = self.precision == PRECISIONS[0]
        return self.recipe.name if is_usual else f"{self.recipe.name}, {self.precision}"


def group_results(results: Sequence[Result]) -> list[Group]:
    """A group for each recipe and precision that has results with its current settings."""
    return [
        Group(recipe, precision, own)
        for recipe, precision in itertools.product(RECIPES.values(), PRECISIONS)
        if (own := current_results(results, recipe, precision=precision))
    ]


def in_percent(shares: Sequence[float]) -> list[float]:
    """Accuracies from 0 to 1 in percent."""
    return [100 * share for share in shares]


def test_accuracies(results: Sequence[Result]) -> list[float]:
    """The test accuracies of some results, in percent."""
    return in_percent([result.test_accuracy for result in results])


def mean_and_sd(numbers: Sequence[float]) -> str:
    """Mean ± standard deviation over seeds; one seed has no deviation, and none has no mean."""
    if not numbers:
        return ""
    mean = f"{statistics.mean(numbers):.2f}"
    return f"{mean} ± {statistics.stdev(numbers):.2f}" if len(numbers) > 1 else f"{mean}, 1 seed"


def compare_in_pairs(results: Sequence[Result], baseline: Sequence[Result]) -> str:
    """The mean difference from other results' accuracies with the same seeds, in points."""
    by_seed = {result.seed: result for result in baseline}
    pairs = [(result, by_seed[result.seed]) for result in results if result.seed in by_seed]
    if not pairs:
        return ""
    ours, theirs = (test_accuracies(each) for each in zip(*pairs, strict=True))
    return str(differences.of_pairs([a - b for a, b in zip(ours, theirs, strict=True)]))


def compare_group(group: Group, results: Sequence[Result]) -> str:
    """The difference of a group from its baseline among `results`, or from the published run."""
    recipe = group.recipe
    baseline = recipe.name if group.precision != PRECISIONS[0] else recipe.baseline
    if baseline:
        difference = compare_in_pairs(group.results, current_results(results, RECIPES[baseline]))
        return f"{difference} vs. {baseline}" if difference else ""
    if recipe.published is None:
        return ""
    return str(differences.from_one_run(test_accuracies(group.results), recipe.published))


def seeds_of(results: Sequence[Result]) -> str:
    """The seeds of some results as a list."""
    return ", ".join(str(result.seed) for result in results)


def published_accuracy(recipe: Recipe) -> str:
    """A recipe's published accuracy, in percent."""
    return f"{recipe.published:.2f}" if recipe.published else "none"


def results_table(results: Sequence[Result], data_source: str | None = None) -> str:
    """A Markdown table with a line for each recipe and precision that has results.

    Args:
        results: all on the same data.
        data_source: what the commands name with --data, if the results are not on MNIST.

    Raises:
        ValueError: the results are of more than one dataset.
    """
    (data,) = {result.data for result in results}
    columns = (
        f"recipe | published, % | test accuracy, % ({data}) | difference | validation, % | seeds | "
        "epochs | command"
    )
    rows = []
    for group in group_results(results):
        recipe, precision, own = group
        command = ["python", "scripts/train_mnist.py", "--recipe", recipe.name]
        command += ["--engine", fastest_engine(recipe)]
        command += ["--precision", precision] if precision != PRECISIONS[0] else []
        command += ["--data", data_source] if data_source and data != "MNIST" else []
        validation = in_percent([result.validation_accuracy for result in own])
        row = (
            group.name,
            published_accuracy(recipe),
            mean_and_sd(test_accuracies(own)),
            compare_group(group, results),
            mean_and_sd(validation) if recipe.validation else "",
            seeds_of(own),
            f"{recipe.max_steps:,} steps" if recipe.max_steps else recipe.epochs,
            f"`{shlex.join(command)}`",
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
            row = (
                recipe.name,
                published_accuracy(recipe),
                *(mean_and_sd(test_accuracies(each)) for each in (keras, old)),
                compare_in_pairs(old, keras),
                mean_and_sd(test_accuracies(ours)),
                differences.of_means(test_accuracies(ours), test_accuracies(keras)),
                seeds_of(keras),
            )
            rows.append(row)
    return markdown_table(columns, "lrrrlrll", rows) if rows else ""


def rows_table(results: Sequence[Result], references: Sequence[Reference]) -> str:
    """A Markdown table of the accuracies of `early` after some rows, beside reference networks."""
    early = current_results(results, RECIPES["early"], precision=None)
    early = [result for result in early if result.row_accuracies]
    curves = [result.row_accuracies.split() for result in early]
    references = [line for line in references if line.data in {result.data for result in early}]
    rows = []
    for count, accuracies in accuracies_by_rows(references).items():
        ours = in_percent([float(curve[count - 1]) for curve in curves])
        theirs = in_percent(accuracies)
        difference = differences.of_means(ours, theirs)
        rows.append((count, mean_and_sd(ours), mean_and_sd(theirs), difference))
    columns = "rows read | early, % | convolutional network for these rows, % | difference"
    return markdown_table(columns, "rrrl", rows) if rows else ""


def deep_table(results: Sequence[Result]) -> str:
    """A Markdown table of the test accuracies of `deep` during training."""
    recipe = RECIPES["deep"]
    curves = [result.test_readings.split() for result in current_results(results, recipe)]
    rows = [
        (f"{(index + 1) * (recipe.test_every or 0):,}", f"{published:.2f}", mean_and_sd(ours))
        for index, published in enumerate(DEEP_READINGS)
        if (ours := in_percent([float(curve[index]) for curve in curves if len(curve) > index]))
    ]
    columns = "step of deep | published, % | test accuracy, %"
    return markdown_table(columns, "rrr", rows) if rows else ""


def all_tables(
    path: Path, data_source: str | None = None, controls_path: Path | None = None
) -> str:
    """All tables that are not empty.

    Args:
        path: the file of the results; that of reference networks is beside it.
        data_source: as in `results_table`.
        controls_path: the file of the controls, or None for controls.csv beside it.
    """
    results = read_results(path, Result)
    controls = read_results(controls_path or path.with_name("controls.csv"), Result)
    references = read_results(path.with_name("reference_by_row.csv"), Reference)
    tables = (
        results_table(results, data_source),
        controls_table(results, controls),
        rows_table(results, references),
        deep_table(results),
    )
    return "\n".join(table for table in tables if table)
