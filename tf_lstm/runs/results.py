"""Test accuracies of many runs, kept in a CSV file; `tables` compares them with published ones.

The file has a line for each finished run with all of its settings, so that a comparison that takes
hours can be interrupted, resumed on another day, and extended with more seeds.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from tf_lstm.recipes import RECIPES
from tf_lstm.settings import LABELS, Recipe
from tf_lstm.terminal.files import read_records, write_table


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
    system: str = "this project"  # or one of scripts/benchmarks/keras_controls.py
    precision: str = "float32"
    row_accuracies: str = ""  # test accuracies after every row, if it has a loss

    def __post_init__(self) -> None:
        json.loads(self.settings)  # raises a ValueError if it is damaged


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
    return read_records(Path(path), Result, "move it away, or name another --output")


def write_results(results: Iterable[Result], path: str | Path) -> None:
    """Write a line for each result, in the order of `RECIPES`."""
    order = {name: place for place, name in enumerate(RECIPES)}
    results = sorted(
        results,
        key=lambda result: (order.get(result.recipe, len(order)), result.precision, result.seed),
    )
    write_table(path, [field.name for field in fields(Result)], map(astuple, results))


def current_results(
    results: Iterable[Result],
    recipe: Recipe,
    data: str | None = None,
    system: str | None = None,
    precision: str | None = "float32",
) -> list[Result]:
    """Those with the recipe's current settings; None stands for any data, system or precision."""
    return [
        result
        for result in results
        if result.recipe == recipe.name
        and data in (None, result.data)
        and system in (None, result.system)
        and precision in (None, result.precision)
        and has_settings(result, recipe)
    ]
