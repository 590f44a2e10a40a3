"""One recipe on several data sets: the table, and names that must fit the data."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tf_lstm.recipes import DEFAULT
from tf_lstm.results.data_sets import PUBLISHED, data_sets_table, require_data_set
from tf_lstm.results.records import Result, settings_text
from tf_lstm.terminal.errors import UserError


def result(data, accuracy, seed=0):
    return Result(DEFAULT.name, seed, data, 0.9, accuracy, 60.0, settings_text(DEFAULT))


def dataset(name, classes, test_images):
    """What `require_data_set` looks at."""
    return SimpleNamespace(
        name=name,
        source="/data/letters",
        class_names=("a",) * classes,
        test=SimpleNamespace(labels=np.zeros(test_images)),
    )


def cells_of(table):
    return [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]


def test_data_sets_without_results_are_listed_as_not_run():
    results = [result("my letters", 0.9), result("KMNIST", 0.93), result("KMNIST", 0.94, seed=1)]
    rows = {cells[0]: cells for cells in cells_of(data_sets_table(results))[1:]}
    assert list(rows) == [*PUBLISHED, "my letters"]
    assert rows["KMNIST"][1:3] == [DEFAULT.name, "93.50 ± 0.71"]
    assert "94.63" in rows["KMNIST"][4] and "not run" in rows["MNIST"][2]
    assert rows["my letters"][2] == "90.00, 1 seed"


def test_results_with_other_settings_do_not_count():
    other = replace(result("KMNIST", 0.99), settings=settings_text(replace(DEFAULT, units=3)))
    table = cells_of(data_sets_table([other, result("KMNIST", 0.9)]))
    assert [cells[2] for cells in table if cells[0] == "KMNIST"] == ["90.00, 1 seed"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("EMNIST-letters", dataset("raw/ (not MNIST)", 26, 20_799)),
        ("EMNIST-letters", dataset("raw/ (not MNIST)", 27, 20_800)),
        ("MNIST", dataset("fashion/ (not MNIST)", 10, 10_000)),
    ],
)
def test_other_data_does_not_get_a_published_name(name, found):
    with pytest.raises(UserError, match="/data/letters"):
        require_data_set(name, found)


def test_data_gets_its_published_name_or_a_new_one():
    require_data_set("EMNIST-letters", dataset("raw/ (not MNIST)", 26, 20_800))
    require_data_set("my letters", dataset("raw/ (not MNIST)", 3, 7))
