"""Results of many runs: kept, aggregated, and compared with published accuracies."""

import dataclasses
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from saved_runs import write_digits
from worker_processes import finish, start

from tf_lstm.plots.results import results_figure
from tf_lstm.published_systems import BASIC, DEEP, DEEP_READINGS, KERAS_30, STACKED_32
from tf_lstm.recipes import DEFAULT, EARLY, RECIPES
from tf_lstm.runs import results as results_module
from tf_lstm.runs.locate import open_run
from tf_lstm.runs.references import Reference
from tf_lstm.runs.results import (
    LABELS,
    Result,
    current_results,
    read_results,
    settings_text,
    write_results,
)
from tf_lstm.runs.tables import (
    KERAS,
    OLD_KERAS,
    compare_in_pairs,
    compare_with_published,
    controls_table,
    readings_table,
    results_table,
    rows_table,
)
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError

BLANK = RECIPES["blank-14"]
CHANGED_TOGETHER = (
    ["row_order", "eval_row_order"],
    ["pad_columns", "pad_position"],
    ["optimizer", "weight_decay", "learning_rate"],
)
REPOSITORY = Path(__file__).resolve().parents[1]


def results(recipe, *test_accuracies, data="MNIST"):
    return [
        Result(
            recipe=recipe.name,
            seed=seed,
            data=data,
            validation_accuracy=0.5 + seed / 10,
            test_accuracy=accuracy,
            test_loss=0.1,
            seconds=60.0 + seed,
            settings=settings_text(recipe),
        )
        for seed, accuracy in enumerate(test_accuracies)
    ]


def test_results_are_read_as_they_were_written(tmp_path):
    written = results(BASIC, 0.91, 0.93)
    written[1] = dataclasses.replace(
        written[1], validation_accuracy=float("nan"), test_readings="0.9605 0.9754"
    )
    write_results(written, tmp_path / "results.csv")
    assert repr(read_results(tmp_path / "results.csv")) == repr(written)
    assert read_results(tmp_path / "none.csv") == []


@pytest.mark.parametrize("text", ["recipe,seed\nbasic,1\n", "no table at all\n1\n"])
def test_a_file_with_something_else_is_refused_and_unchanged(text, tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(UserError, match="results.csv"):
        read_results(path)
    assert path.read_text() == text


def test_results_of_a_recipe_that_has_changed_do_not_count():
    old = results(BASIC, 0.91)
    changed = dataclasses.replace(BASIC, units=64)
    renamed = dataclasses.replace(BASIC, description="in other words", published=99.0)
    assert current_results(old, changed) == [] and current_results(old, renamed) == old
    assert current_results(old, BASIC, data="synthetic digits") == []


@dataclasses.dataclass(frozen=True)
class NewerRecipe(Recipe):
    """The recipe of a later version, with one more setting."""

    zoneout: float = 0.0


def test_a_new_setting_with_a_default_leaves_older_results_valid(tmp_path, monkeypatch):
    write_results(results(BASIC, 0.91), tmp_path / "results.csv")
    monkeypatch.setattr(results_module, "Recipe", NewerRecipe)
    older = read_results(tmp_path / "results.csv")
    newer = NewerRecipe(**dataclasses.asdict(BASIC))
    assert current_results(older, newer) == older
    assert current_results(older, dataclasses.replace(newer, zoneout=0.1)) == []


@pytest.mark.parametrize(
    "published, difference",
    [  # of 97 and 99: mean 98, standard deviation √2; standard error √2 · √(1 + 1/2) = √3
        (97.0, "+1.00 ± 1.73"),
        (99.0, "-1.00 ± 1.73"),
        (98.0, "+0.00 ± 1.73"),
        (94.6, "+3.40 ± 1.73"),
        (94.5, "**+3.50 ± 1.73**"),  # more than two standard errors, 3.46
        (None, ""),
    ],
)
def test_a_published_accuracy_counts_as_one_run_with_our_deviation(published, difference):
    assert compare_with_published(results(BASIC, 0.97, 0.99), published) == difference


def test_the_standard_error_falls_with_the_number_of_seeds():
    # 97, 98, 99: standard deviation 1; √(1 + 1/3) = 1.155
    assert compare_with_published(results(BASIC, 0.97, 0.98, 0.99), 97.0) == "+1.00 ± 1.15"


def test_one_seed_has_no_deviation():
    assert compare_with_published(results(BASIC, 0.97), 96.5) == "+0.50"
    assert "97.00, 1 seed" in results_table(results(BASIC, 0.97))


@pytest.mark.parametrize(
    "accuracies, difference",
    [  # minus 97, 99 and 50
        ((0.98, 0.98), "+0.00 ± 1.00"),  # +1 and -1: deviation √2, error √2 / √2
        ((0.95, 0.95, 0.47), "**-3.00 ± 0.58**"),  # -2, -4, -3: 1 / √3
        ((0.98,), "+1.00"),
        ((), ""),
    ],
)
def test_an_experiment_is_compared_with_its_baseline_seed_by_seed(accuracies, difference):
    baseline = results(DEFAULT, 0.97, 0.99, 0.5)
    experiment = results(BLANK, *accuracies)
    assert compare_in_pairs(experiment, baseline) == difference
    assert compare_in_pairs(experiment, []) == ""
    if experiment:
        assert f"| {difference} vs. default |" in results_table(baseline + experiment)


@pytest.mark.parametrize("name", [recipe.name for recipe in RECIPES.values() if recipe.baseline])
def test_an_experiment_is_one_change_away_from_its_baseline(name):
    baseline = RECIPES[RECIPES[name].baseline]
    changes = [
        field
        for field, value in dataclasses.asdict(RECIPES[name]).items()
        if field not in LABELS and value != getattr(baseline, field)
    ]
    assert len(changes) == 1 or changes in CHANGED_TOGETHER


def test_the_table_has_a_line_for_each_recipe_in_their_order():
    table = results_table(results(STACKED_32, 0.98, 0.982, 0.984) + results(BASIC, 0.9, 0.92))
    basic, stacked = table.splitlines()[2:]
    assert basic.startswith("| basic | none | 91.00 ± 1.41 |  | 55.00 ± 7.07 | 0, 1 | 501 steps ")
    assert stacked.startswith("| stacked-32 | 98.56 | 98.20 ± 0.20 | -0.36 ± 0.23 |  | 0, 1")
    assert "test accuracy, % (MNIST)" in table
    assert "`python scripts/train_mnist.py --recipe stacked-32 --engine folded`" in stacked


def test_the_table_has_a_line_for_each_precision():
    mixed = [
        dataclasses.replace(result, precision="mixed_bfloat16")
        for result in results(BLANK, 0.98, 0.96)
    ]
    single = results(BLANK, 0.97, 0.97)
    assert current_results(mixed + single, BLANK) == single
    first, second = results_table(mixed + single + results(DEFAULT, 0.99)).splitlines()[3:]
    assert first.startswith("| blank-14 | none | 97.00 ± 0.00 | -2.00 vs. default |")
    # +1 and -1: deviation √2, error √2 / √2
    accuracies = "97.00 ± 1.41 | +0.00 ± 1.00 vs. blank-14"
    assert second.startswith(f"| blank-14, mixed_bfloat16 | none | {accuracies} |")
    assert "--recipe blank-14 --engine folded --precision mixed_bfloat16`" in second


def test_controls_with_keras_are_shown_beside_the_published_accuracy_and_ours():
    ours = results(KERAS_30, 0.98, 0.97) + results(BASIC, 0.9)  # deviation 0.5·√2, error 0.5
    controls = [
        dataclasses.replace(result, system=system)
        for system, accuracies in ((KERAS, (0.96, 0.96)), (OLD_KERAS, (0.95,)))
        for result in results(KERAS_30, *accuracies)
    ]
    *_, line = controls_table(ours, controls).splitlines()
    accuracies = "98.02 | 96.00 ± 0.00 | 95.00, 1 seed | -1.00 | 97.50 ± 0.71"
    assert line == f"| keras-30 | {accuracies} | **+1.50 ± 0.50** | 0, 1 |"
    changed = dataclasses.replace(controls[0], settings=settings_text(BASIC))
    assert controls_table(ours, [changed]) == ""


def test_the_old_rmsprop_adds_epsilon_to_the_root(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "scripts" / "benchmarks")
    import keras_controls

    optimizer = keras_controls.old_optimizer(dataclasses.replace(STACKED_32, learning_rate=0.5))
    weight, gradient = tf.Variable([1.0]), 1e-6  # √(0.1 · 1e-12) = 3.16e-7
    optimizer.apply([tf.constant([gradient])], [weight])
    root = gradient * 0.1**0.5
    np.testing.assert_allclose(weight, [1 - 0.5 * gradient / (root + 1e-7)], rtol=1e-5)


def test_readings_during_training_are_shown_beside_the_published_ones():
    readings = " ".join(["0.9500"] * 9 + ["0.9800"])
    (one,) = results(DEEP, 0.98)
    other = dataclasses.replace(one, seed=1, test_readings=readings.replace("0.95", "0.97"))
    table = readings_table([dataclasses.replace(one, test_readings=readings), other])
    assert "| 500 | 96.05 | 96.00 ± 1.41 |" in table and "| 5,000 | 98.91 | 98.00 ± 0.00 |" in table
    assert len(DEEP_READINGS) * DEEP.test_every == DEEP.max_steps
    assert DEEP.published == DEEP_READINGS[-1]


def test_accuracies_of_early_in_any_precision_are_shown_beside_networks_for_the_same_rows():
    first, second = results(EARLY, 0.91, 0.93)
    early = [
        dataclasses.replace(first, row_accuracies="0.5 0.8 0.91"),
        dataclasses.replace(second, row_accuracies="0.6 0.8 0.93", precision="mixed_bfloat16"),
    ]
    references = [
        Reference("MNIST", 1, 8, 7474, 0, 10, 9, 0.5, 0.65),
        Reference("MNIST", 3, 8, 7474, 0, 10, 9, 0.9, 0.94),
        Reference("MNIST", 3, 8, 7474, 1, 10, 9, 0.9, 0.98),
        Reference("digits", 2, 8, 7474, 0, 10, 9, 0.8, 0.85),
    ]
    one_row, three_rows = rows_table(early, references).splitlines()[2:]
    assert one_row == "| 1 | 55.00 ± 7.07 | 65.00, 1 seed | -10.00 |"
    # Variances 2 and 8, halved for two seeds each: error √5.
    assert three_rows == "| 3 | 92.00 ± 1.41 | 96.00 ± 2.83 | -4.00 ± 2.24 |"
    assert rows_table(results(EARLY, 0.9), references) == rows_table(early, []) == ""


def test_the_commands_of_the_table_name_other_data_than_mnist():
    name = "synthetic digits, tested on MNIST"
    table = results_table(results(BASIC, 0.9, data=name), " --data synthetic+mnist")
    assert f"test accuracy, % ({name})" in table
    assert "--recipe basic --engine folded --data synthetic+mnist`" in table


def test_the_figure_has_a_dot_for_each_run_and_a_line_for_each_published_accuracy():
    shown = results(KERAS_30, 0.98, 0.975) + results(BASIC, 0.95)
    shown += [dataclasses.replace(*results(BASIC, 0.94), precision="mixed_bfloat16")]
    (axes,) = results_figure(shown).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["basic", "basic, mixed_bfloat16", "keras-30"]
    dots = [line.get_xdata() for line in axes.lines]
    np.testing.assert_allclose(np.concatenate(dots), [5, 6, 2, 2.5])  # errors in percent
    (published,) = axes.collections
    assert published.get_segments()[0][0][0] == pytest.approx(100 - 98.02)
    assert "MNIST" in axes.get_xlabel() and axes.xaxis_inverted()


def test_no_two_recipes_have_the_same_settings():
    assert len({settings_text(recipe) for recipe in RECIPES.values()}) == len(RECIPES)


@pytest.fixture
def reproduce(tmp_path):
    """A function that starts reproduce_results.py in a copy of the repository."""
    for folder in ("tf_lstm", "scripts"):
        shutil.copytree(REPOSITORY / folder, tmp_path / "repository" / folder)
    script = tmp_path / "repository" / "scripts" / "reproduce_results.py"
    data = write_digits(tmp_path / "digits.npz", 60, test_count=9)
    return lambda: start([script, "--recipe", "quick", "--data", data, "--seeds", 1])


def test_the_script_runs_what_is_missing_and_nothing_twice(reproduce, tmp_path):
    copy = tmp_path / "repository"
    output, errors = finish(reproduce())
    assert errors == "" and "quick, seed 0: run 1 of 1" in output
    (result,) = read_results(copy / "figures" / "gallery" / "results.csv")
    test = open_run(copy / "runs" / "results" / "quick-0").read_result()
    assert test.accuracy == pytest.approx(result.test_accuracy, abs=1e-6)
    row_accuracies = [float(text) for text in result.row_accuracies.split()]
    assert len(row_accuracies) == 28 and row_accuracies[-1] == round(test.accuracy, 4)
    assert (copy / "figures" / "gallery" / "results.png").read_bytes().startswith(b"\x89PNG")
    table = (copy / "figures" / "gallery" / "results.md").read_text()
    shutil.rmtree(copy / "runs")
    output, errors = finish(reproduce())
    assert errors == "" and "run 1" not in output
    assert not (copy / "runs").exists() and table in output


@pytest.mark.slow
def test_sigterm_also_ends_the_training(reproduce, tmp_path):
    folder = tmp_path / "repository" / "runs" / "results" / "quick-0"
    process = reproduce()
    while not (folder / "settings.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    _, errors = finish(process, 128 + signal.SIGTERM)
    assert "the same command continues from here" in errors
    with open_run(folder).locked():
        pass  # no process is writing it
    assert "run 1 of 1" in finish(reproduce())[0]
