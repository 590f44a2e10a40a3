"""Recipes on several data sets, beside published accuracies."""

from collections.abc import Sequence
from typing import NamedTuple

from tf_lstm.data.dataset import Dataset
from tf_lstm.recipes import RECIPES
from tf_lstm.results.records import Result, current_results
from tf_lstm.results.tables import mean_and_sd, test_accuracies
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.tables import markdown_table


class Published(NamedTuple):
    """A data set of 28 × 28 pixels, and test accuracies that others published, with the source."""

    classes: int
    test_images: int
    recurrent: str  # of a recurrent network that reads rows; "" if none was found
    convolutional: str  # of a convolutional network


# As found in 2026, in percent: not the highest of all, but of networks that are described well.
PUBLISHED = {
    "MNIST": Published(10, 10_000, "98.91 (2 layers) [Y]", "99.06 (simple), 99.56 (ResNet) [K]"),
    "Fashion-MNIST": Published(10, 10_000, "89.7 (GRU) [F]", "93.4 (2 layers) [F]"),
    "KMNIST": Published(10, 10_000, "", "94.63 (simple), 97.82 (ResNet) [K]"),
    "EMNIST-digits": Published(10, 40_000, "", "99.79 (capsules) [T]"),
    "EMNIST-letters": Published(26, 20_800, "", "95.36 (capsules) [T]"),
    "EMNIST-balanced": Published(47, 18_800, "", "90.46 (capsules) [T]"),
}
SOURCES = (
    "[Y] the notebook Tutorial_05_1 of yongyehuang/Tensorflow-Tutorial, `deep` here; "
    "[K] Clanuwat et al., Deep Learning for Classical Japanese Literature, and its repository; "
    "[F] the list of results in the repository of Fashion-MNIST; "
    "[T] Jayasundara et al., TextCaps."
)


def require_data_set(name: str, dataset: Dataset) -> None:
    """Raise a UserError if data is given the name of a published data set that it is not."""
    published = PUBLISHED.get(name)
    if published is None:
        return
    found = len(dataset.class_names), len(dataset.test.labels)
    if found != published[:2] or (name == "MNIST" and dataset.name != "MNIST"):
        raise UserError(
            f"{dataset.source} has {found[0]} classes and {found[1]:,} test images and is not "
            f"{name}: give it another name before the =."
        )


def data_sets_table(results: Sequence[Result]) -> str:
    """A Markdown table: a line for each data set, published or with results, and recipe."""
    columns = (
        "data | recipe | test accuracy, % | published, recurrent, % | published, convolutional, %"
    )
    recipes = [recipe for recipe in RECIPES.values() if current_results(results, recipe)]
    rows = []
    for data in dict.fromkeys([*PUBLISHED, *(result.data for result in results)]):
        known = PUBLISHED.get(data)
        own = {recipe.name: current_results(results, recipe, data=data) for recipe in recipes}
        lines = [
            (name, mean_and_sd(test_accuracies(each))) for name, each in own.items() if each
        ] or [("", "not run")]
        rows += [(data, *line, *(known[2:] if known else ("", ""))) for line in lines]
    return f"{markdown_table(columns, 'llrll', rows)}\n{SOURCES}\n"
