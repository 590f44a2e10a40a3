"""Test accuracies of many runs: kept in a CSV file, and told as a table beside what was published.

The file has a line for each finished run and is all that is known of them, so that a comparison
that takes hours can be stopped, gone on with on another day, and extended by more seeds.
"""

import csv
import hashlib
import json
import statistics
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import get_type_hints

from tf_lstm.errors import UserError
from tf_lstm.files import write_table
from tf_lstm.recipes import BASELINES, RECIPES


@dataclass(frozen=True)
class Result:
    """One finished run. Accuracies and loss are of the weights that did best in validation."""

    recipe: str
    settings: str  # `settings_checksum` of the recipe that was run
    seed: int
    data: str  # the data's name
    validation_accuracy: float  # nan for a recipe that sets no images aside
    test_accuracy: float
    test_loss: float  # nats
    seconds: float  # spent in epochs; of an interrupted one, since it was gone on with


def settings_checksum(recipe):
    """Eight characters that change with any setting of a recipe but for what is said about it."""
    settings = asdict(recipe)
    for said in ("name", "description", "published"):
        del settings[said]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def read_results(path):
    """What `write_results` wrote: a list of `Result`s, empty where there is no file.

    Raises:
        UserError: the file is not one of results.
    """
    path = Path(path)
    if not path.exists():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        types = get_type_hints(Result)
        return [Result(**{name: types[name](row[name]) for name in types}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise UserError(
            f"{path} does not hold results of this version: move it away, or name another --output."
        ) from error


def write_results(results, path):
    """Write a line for each `Result`, the recipes in the order of `RECIPES`."""
    order = {name: place for place, name in enumerate(RECIPES)}
    results = sorted(
        results, key=lambda result: (order.get(result.recipe, len(order)), result.seed)
    )
    write_table(path, [field.name for field in fields(Result)], map(astuple, results))


def current(results, recipe, data=None):
    """Those of `results` that were made by a recipe as it stands now (and on `data`)."""
    checksum = settings_checksum(recipe)
    return [
        result
        for result in results
        if (result.recipe, result.settings) == (recipe.name, checksum)
        and data in (None, result.data)
    ]


def percent(share):
    """0.9802 -> "98.02"."""
    return f"{100 * share:.2f}"


def mean_and_spread(shares):
    """Mean and standard deviation over seeds, as text in percent; one seed has no deviation."""
    mean = percent(statistics.mean(shares))
    return f"{mean} ± {percent(statistics.stdev(shares))}" if len(shares) > 1 else f"{mean}, 1 seed"


def compare(results, published):
    """How the mean test accuracy stands to a published figure in percent, as text.

    The yardstick is the standard deviation over our own seeds: the publishers named one run each.
    """
    if published is None:
        return ""
    accuracies = [100 * result.test_accuracy for result in results]
    difference = statistics.mean(accuracies) - published
    # The published figures have two decimals.
    side = "above" if difference > 0.005 else "below" if difference < -0.005 else "equal"
    if side == "equal" or len(accuracies) == 1:
        return side if side == "equal" else f"{abs(difference):.2f} {side}"
    spread = statistics.stdev(accuracies)
    return f"{abs(difference):.2f} {side}" + (
        f", {abs(difference) / spread:.1f} sd" if spread else ""
    )


def compare_pairs(results, baseline):
    """How the test accuracies differ from another recipe's, in points, seed by seed, as text."""
    of_seed = {result.seed: result.test_accuracy for result in baseline}
    pairs = [(r.test_accuracy, of_seed[r.seed]) for r in results if r.seed in of_seed]
    if not pairs:
        return ""
    differences = [100 * (ours - other) for ours, other in pairs]
    spread = f" ± {statistics.stdev(differences):.2f}" if len(pairs) > 1 else ""
    return f"{statistics.mean(differences):+.2f}{spread} to {baseline[0].recipe}"


def results_table(results):
    """A Markdown table: a line for each recipe that has results, beside its published figure.

    Raises:
        ValueError: the results are of more than one kind of data.
    """
    (data,) = {result.data for result in results}
    lines = [
        f"| recipe | published, % | {data} test accuracy, % | difference | validation, % "
        "| seeds | epochs | a run, min | command |",
        "|---|---:|---:|---|---:|---|---:|---:|---|",
    ]
    for recipe in RECIPES.values():
        of_recipe = current(results, recipe)
        if not of_recipe:
            continue
        difference = compare(of_recipe, recipe.published)
        if recipe.name in BASELINES:
            difference = compare_pairs(of_recipe, current(results, BASELINES[recipe.name]))
        validation = [r.validation_accuracy for r in of_recipe]
        cells = (
            recipe.name,
            f"{recipe.published:.2f}" if recipe.published else "none",
            mean_and_spread([r.test_accuracy for r in of_recipe]),
            difference,
            mean_and_spread(validation) if recipe.validation else "",
            ", ".join(str(r.seed) for r in of_recipe),
            f"{recipe.steps:,} steps" if recipe.steps else recipe.epochs,
            f"{statistics.median(r.seconds for r in of_recipe) / 60:.1f}",
            f"`python scripts/train_mnist.py --recipe {recipe.name} --engine folded`",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"
