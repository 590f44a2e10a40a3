"""Test accuracies of many runs, kept in a CSV file and compared with published ones in a table.

The file has a line for each finished run with all of its settings, so that a comparison that takes
hours can be interrupted, resumed on another day, and extended with more seeds.
"""

import csv
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import get_type_hints

from tf_lstm.recipes import RECIPES
from tf_lstm.settings import LABELS, Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import write_table
from tf_lstm.terminal.tables import markdown_table


@dataclass(frozen=True)
class Result:
    """One finished run. Accuracies and loss are those of the weights that the recipe keeps."""

    recipe: str
    seed: int
    data: str  # the dataset's name
    validation_accuracy: float  # nan for a recipe without validation images
    test_accuracy: float
    test_loss: float  # nats
    seconds: float  # wall time of all epochs
    settings: str  # every setting of the recipe, as JSON
    test_readings: str = ""  # accuracies during training, if the recipe has `test_every`


def settings_text(recipe: Recipe) -> str:
    """A recipe's settings as JSON, without its labels."""
    settings = {name: value for name, value in asdict(recipe).items() if name not in LABELS}
    return json.dumps(settings)


def has_settings(result: Result, recipe: Recipe) -> bool:
    """Whether a result was made with a recipe's settings as they are now.

    A result that lacks a newer setting was made with that setting's default.
    """
    defaults = {field.name: field.default for field in fields(Recipe)}
    return json.loads(settings_text(recipe)) == {
        name: value for name, value in defaults.items() if name not in LABELS
    } | json.loads(result.settings)


def read_results(path: str | Path) -> list[Result]:
    """The results that `write_results` wrote; none if there is no file.

    Raises:
        UserError: the file does not hold results.
    """
    path = Path(path)
    if not path.exists():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        types = get_type_hints(Result)
        results = [
            Result(**{name: types[name](row[name]) for name in types if name in row})
            for row in rows
        ]
        for result in results:
            json.loads(result.settings)
        return results
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise UserError(
            f"{path} does not hold results of this version: move it away, or name another --output."
        ) from error


def write_results(results: Iterable[Result], path: str | Path) -> None:
    """Write a line for each result, in the order of `RECIPES`."""
    order = {name: place for place, name in enumerate(RECIPES)}
    results = sorted(
        results, key=lambda result: (order.get(result.recipe, len(order)), result.seed)
    )
    write_table(path, [field.name for field in fields(Result)], map(astuple, results))


def current_results(
    results: Iterable[Result], recipe: Recipe, data: str | None = None
) -> list[Result]:
    """Those of `results` that have the recipe's current settings, and are on `data` if given."""
    return [
        result
        for result in results
        if result.recipe == recipe.name
        and data in (None, result.data)
        and has_settings(result, recipe)
    ]


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
    """The mean difference from another recipe's accuracies with the same seeds, in points."""
    baseline_by_seed = {result.seed: result.test_accuracy for result in baseline}
    differences = [
        100 * (result.test_accuracy - baseline_by_seed[result.seed])
        for result in results
        if result.seed in baseline_by_seed
    ]
    if not differences:
        return ""
    reference = f" to {baseline[0].recipe}"
    if len(differences) == 1:
        return f"{differences[0]:+.2f}{reference}"
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return describe_difference(statistics.mean(differences), error) + reference


def describe_difference(difference: float, error: float) -> str:
    """A difference ± its standard error; in bold if it is more than two of them."""
    text = f"{difference:+.2f} ± {error:.2f}"
    return f"**{text}**" if abs(difference) > 2 * error else text


def results_table(results: Sequence[Result]) -> str:
    """A Markdown table with a line for each recipe that has results.

    Raises:
        ValueError: the results are of more than one dataset.
    """
    (data,) = {result.data for result in results}
    columns = (
        f"recipe | published, % | {data} test accuracy, % | difference | validation, % | seeds | "
        "epochs | command"
    )
    rows = []
    for recipe in RECIPES.values():
        own = current_results(results, recipe)
        if not own:
            continue
        difference = compare_with_published(own, recipe.published)
        if recipe.baseline:
            baseline = current_results(results, RECIPES[recipe.baseline])
            difference = compare_in_pairs(own, baseline)
        validation = [result.validation_accuracy for result in own]
        row = (
            recipe.name,
            f"{recipe.published:.2f}" if recipe.published else "none",
            mean_and_sd([result.test_accuracy for result in own]),
            difference,
            mean_and_sd(validation) if recipe.validation else "",
            ", ".join(str(result.seed) for result in own),
            f"{recipe.max_steps:,} steps" if recipe.max_steps else recipe.epochs,
            f"`python scripts/train_mnist.py --recipe {recipe.name} --engine folded`",
        )
        rows.append(row)
    return markdown_table(columns, "lrrlrlrl", rows)
