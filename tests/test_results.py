"""Results of many runs: kept, aggregated, and told beside what was published."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tf_lstm.drawn_digits import draw_digits
from tf_lstm.errors import UserError
from tf_lstm.recipes import BASELINES, BASIC, DEFAULT, KERAS_30, RECIPES, STACKED_32
from tf_lstm.results import (
    Result,
    compare,
    compare_pairs,
    current,
    read_results,
    results_table,
    settings_checksum,
    write_results,
)
from tf_lstm.results_figure import results_figure

BLANK = RECIPES["blank-14"]
WITHOUT_EACH_OTHER_IT_CANNOT_BE = (["row_order", "tested_order"], ["pad_columns", "pad_place"])
REPOSITORY = Path(__file__).resolve().parents[1]


def results(recipe, *test_accuracies, data="MNIST"):
    checksum = settings_checksum(recipe)
    return [
        Result(recipe.name, checksum, seed, data, 0.5 + seed / 10, accuracy, 0.1, 60.0 + seed)
        for seed, accuracy in enumerate(test_accuracies)
    ]


def test_results_are_read_as_they_were_written(tmp_path):
    written = results(BASIC, 0.91, 0.93)
    written[1] = dataclasses.replace(written[1], validation_accuracy=float("nan"))
    write_results(written, tmp_path / "results.csv")
    assert repr(read_results(tmp_path / "results.csv")) == repr(written)
    assert read_results(tmp_path / "none.csv") == []


@pytest.mark.parametrize("text", ["recipe,seed\nbasic,1\n", "no table at all\n1\n"])
def test_a_file_of_something_else_is_refused_and_stays(text, tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(UserError, match="results.csv"):
        read_results(path)
    assert path.read_text() == text


def test_results_of_a_recipe_that_has_changed_do_not_count():
    old = results(BASIC, 0.91)
    changed = dataclasses.replace(BASIC, units=64)
    renamed = dataclasses.replace(BASIC, description="in other words")
    assert current(old, changed) == [] and current(old, renamed) == old
    assert current(old, BASIC, data="drawn digits") == []


@pytest.mark.parametrize(
    "published, said",
    [
        (97.0, "1.00 above, 0.7 sd"),  # of 97 and 99: mean 98, sd √2
        (99.0, "1.00 below, 0.7 sd"),
        (98.0, "equal"),
        (None, ""),
    ],
)
def test_the_difference_is_told_in_standard_deviations(published, said):
    assert compare(results(BASIC, 0.97, 0.99), published) == said


def test_one_seed_claims_no_spread():
    assert compare(results(BASIC, 0.97), 96.5) == "0.50 above"
    assert "97.00, 1 seed" in results_table(results(BASIC, 0.97))


def test_an_experiment_is_compared_with_its_baseline_seed_by_seed():
    default, blank = results(DEFAULT, 0.97, 0.99, 0.5), results(BLANK, 0.98, 0.98)
    assert compare_pairs(blank, default) == "+0.00 ± 1.41 to default"
    assert compare_pairs(blank[:1], default) == "+1.00 to default"
    assert compare_pairs(blank, []) == ""
    assert "| +0.00 ± 1.41 to default |" in results_table(default + blank)


@pytest.mark.parametrize("name, baseline", BASELINES.items())
def test_an_experiment_is_one_change_away_from_its_baseline(name, baseline):
    changes = [
        field
        for field, value in dataclasses.asdict(RECIPES[name]).items()
        if field not in ("name", "description") and value != getattr(baseline, field)
    ]
    assert len(changes) == 1 or changes in WITHOUT_EACH_OTHER_IT_CANNOT_BE


def test_the_table_has_a_line_for_each_recipe_in_their_order():
    table = results_table(results(STACKED_32, 0.98, 0.982, 0.984) + results(BASIC, 0.9, 0.92))
    basic, stacked = table.splitlines()[2:]
    assert basic.startswith("| basic | none | 91.00 ± 1.41 |  | 55.00 ± 7.07 | 0, 1 | 501 steps ")
    assert stacked.startswith("| stacked-32 | 98.56 | 98.20 ± 0.20 | 0.36 below, 1.8 sd |  | 0, 1")
    assert "MNIST test accuracy" in table
    assert "`python scripts/train_mnist.py --recipe stacked-32 --engine folded`" in stacked


def test_the_figure_has_a_dot_for_each_run_and_a_line_for_each_published_figure():
    shown = results(KERAS_30, 0.98, 0.975) + results(BASIC, 0.95)
    (axes,) = results_figure(shown).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["basic", "keras-30"]
    dots = [line.get_xdata() for line in axes.lines]
    np.testing.assert_allclose(np.concatenate(dots), [5, 2, 2.5])  # errors in percent
    (published,) = axes.collections
    assert published.get_segments()[0][0][0] == pytest.approx(100 - 98.02)
    assert "MNIST" in axes.get_xlabel() and axes.xaxis_inverted()


def test_every_recipe_has_settings_of_its_own():
    assert len({settings_checksum(recipe) for recipe in RECIPES.values()}) == len(RECIPES)


def test_the_script_runs_what_is_missing_and_nothing_twice(tmp_path):
    copy = tmp_path / "repository"
    for folder in ("tf_lstm", "scripts"):
        shutil.copytree(REPOSITORY / folder, copy / folder)
    images, labels = draw_digits(60, seed=4)
    data = {"x_train": images, "y_train": labels, "x_test": images[:9], "y_test": labels[:9]}
    np.savez(tmp_path / "digits.npz", **data)

    def reproduce(*flags):
        command = [sys.executable, copy / "scripts" / "reproduce_results.py", "--recipe", "basic"]
        command += ["--data", tmp_path / "digits.npz", *flags]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        return subprocess.run(
            list(map(str, command)), env=environment, capture_output=True, text=True
        )

    first = reproduce("--seeds", 1)
    assert (first.returncode, first.stderr) == (0, "")
    assert "basic, seed 0: run 1 of 1" in first.stdout
    (result,) = read_results(copy / "figures" / "results.csv")
    folder = next((copy / "runs" / "results").iterdir())
    assert json.loads((folder / "test_result.json").read_text())["accuracy"] == pytest.approx(
        result.test_accuracy, abs=1e-6
    )
    assert (copy / "figures" / "results.png").read_bytes().startswith(b"\x89PNG")
    table = (copy / "figures" / "results.md").read_text()
    shutil.rmtree(copy / "runs")
    again = reproduce("--seeds", 1)
    assert (again.returncode, again.stderr) == (0, "") and "run 1" not in again.stdout
    assert not (copy / "runs").exists() and table in again.stdout
