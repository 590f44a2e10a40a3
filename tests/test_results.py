"""Results of many runs: kept, aggregated, and compared with published accuracies."""

import dataclasses
import math
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tf_lstm.published_systems import BASIC, DEEP, DEEP_READINGS, KERAS_30, STACKED_32
from tf_lstm.recipes import DEFAULT, EARLY, RECIPES
from tf_lstm.results import records as records_module
from tf_lstm.results.differences import (
    Difference,
    from_one_run,
    of_means,
    of_pairs,
    t_quantile,
)
from tf_lstm.results.figure import results_figure
from tf_lstm.results.records import (
    KERAS,
    OLD_KERAS,
    Reference,
    Result,
    add_result,
    current_results,
    read_results,
    settings_text,
)
from tf_lstm.results.tables import (
    all_tables,
    compare_in_pairs,
    controls_table,
    deep_table,
    results_table,
    rows_table,
)
from tf_lstm.settings import LABELS, Recipe
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
            seconds=60.0 + seed,
            settings=settings_text(recipe),
        )
        for seed, accuracy in enumerate(test_accuracies)
    ]


def write(path, written):
    for result in written:
        add_result(path, result)
    return path


def test_results_are_read_as_they_were_written(tmp_path):
    written = results(BASIC, 0.91, 0.93)
    written[1] = dataclasses.replace(
        written[1], validation_accuracy=float("nan"), test_readings="0.9605 0.9754"
    )
    path = write(tmp_path / "new" / "results.csv", written)
    assert repr(read_results(path, Result)) == repr(written)  # nan is not equal to nan
    assert read_results(tmp_path / "none.csv", Result) == []


def test_a_result_replaces_that_of_the_same_training(tmp_path):
    first, second = results(BASIC, 0.91, 0.93)
    others = [
        dataclasses.replace(first, precision="mixed_bfloat16"),
        dataclasses.replace(first, data="synthetic digits"),
        dataclasses.replace(first, system=KERAS),
        *results(DEFAULT, 0.99),
    ]
    path = write(tmp_path / "results.csv", [first, second, *others])
    again = dataclasses.replace(first, test_accuracy=0.92)
    add_result(path, again)
    assert read_results(path, Result) == [again, second, *others]


def test_a_reference_network_replaces_that_of_the_same_training(tmp_path):
    first, second = (Reference("MNIST", 7, 8, seed, 10, 0.5, 0.6) for seed in (0, 1))
    again = dataclasses.replace(first, test_accuracy=0.7)
    path = write(tmp_path / "reference.csv", [first, second, again])
    assert read_results(path, Reference) == [again, second]


# Waits for a line, so that all processes add their results at the same time.
ADD = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
from tf_lstm.results.records import Reference, add_result
print("ready", flush=True)
sys.stdin.readline()
for seed in range(20):
    for rows in (int(sys.argv[2]), 28):
        add_result(Path(sys.argv[1]), Reference("MNIST", rows, 8, seed, 10, 0.5, 0.6))
"""


def test_two_processes_that_add_results_at_once_lose_none_and_count_none_twice(tmp_path):
    path = tmp_path / "results.csv"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ADD, path, str(rows)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rows in (7, 14)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    found = [(line.rows, line.seed) for line in read_results(path, Reference)]
    assert sorted(found) == [(rows, seed) for rows in (7, 14, 28) for seed in range(20)]


def test_a_file_that_cannot_be_locked_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="results.csv"):
        write(tmp_path / "file" / "results.csv", results(BASIC, 0.9))


@pytest.mark.parametrize("text", ["recipe,seed\nbasic,1\n", "no table at all\n1\n"])
def test_a_file_with_something_else_is_refused_and_unchanged(text, tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(UserError, match="results.csv"):
        read_results(path, Result)
    with pytest.raises(UserError, match="results.csv"):
        add_result(path, *results(BASIC, 0.9))
    assert path.read_text() == text


@pytest.mark.parametrize("settings", ["[]", "{", '{"units": [128]}'])
def test_a_file_with_damaged_settings_is_refused(settings, tmp_path):
    path = write(tmp_path / "results.csv", results(BASIC, 0.91))
    good = settings_text(BASIC).replace('"', '""')
    path.write_text(path.read_text().replace(good, settings.replace('"', '""')))
    with pytest.raises(UserError, match="results.csv"):
        read_results(path, Result)


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
    path = write(tmp_path / "results.csv", results(BASIC, 0.91))
    monkeypatch.setattr(records_module, "Recipe", NewerRecipe)
    older = read_results(path, Result)
    newer = NewerRecipe(**dataclasses.asdict(BASIC))
    assert current_results(older, newer) == older
    assert current_results(older, dataclasses.replace(newer, zoneout=0.1)) == []
    again = dataclasses.replace(older[0], settings=settings_text(newer), test_accuracy=0.92)
    add_result(path, again)
    assert read_results(path, Result) == [again]


def test_the_quantiles_are_those_of_the_t_distribution():
    x = np.linspace(0, 1, 200_001)
    for degrees in range(1, 31):
        gammas = math.gamma((degrees + 1) / 2) / math.gamma(degrees / 2)
        scale = t_quantile(degrees)
        density = (1 + (x * scale) ** 2 / degrees) ** (-(degrees + 1) / 2)
        share = scale * np.trapezoid(density, x) * gammas / math.sqrt(degrees * math.pi)
        assert share == pytest.approx(0.475, abs=3e-5)  # rounded quantiles
    assert t_quantile(31) == 1.960 and t_quantile(2.99) == t_quantile(2)


@pytest.mark.parametrize("count, error", [(2, 3**0.5), (3, (4 / 3) ** 0.5)])
def test_a_published_run_is_assumed_to_vary_as_ours_do(count, error):
    deviation = 1 if count == 3 else 2**0.5
    ours = [97.0, 99.0, 98.0][:count]  # mean 98
    expected = (1.0, deviation * (1 + 1 / count) ** 0.5, count - 1)
    assert from_one_run(ours, 97.0) == pytest.approx(expected)
    assert expected[1] == pytest.approx(error)


def test_differences_of_means_have_the_degrees_of_freedom_of_welch():
    # Variances 2 and 8, halved for two seeds each: 1 and 4; (1 + 4)² / (1² / 1 + 4² / 1).
    assert of_means([91, 93], [94, 98]) == pytest.approx((-4, 5**0.5, 25 / 17))
    # As many with the same variance: the degrees of freedom add up.
    assert of_means([1, 2, 3], [5, 6, 7]).degrees == pytest.approx(4)


@pytest.mark.parametrize(
    "differences, text",
    [
        ([2.0, 4.0, 3.0], "**+3.00 ± 0.58**"),  # 3 > 4.303 · 0.577
        ([1.0, 3.0, 2.0], "+2.00 ± 0.58"),  # more than two standard errors, but of three seeds
        ([-2.0, -4.0, -3.0], "**-3.00 ± 0.58**"),
        ([0.0, 1.0], "+0.50 ± 0.50"),
        ([5.0], "+5.00"),  # one seed: no standard error
        ([-0.001], "+0.00"),
        ([0.0, 0.0], "+0.00 ± 0.00"),
    ],
)
def test_a_difference_is_bold_if_its_confidence_interval_excludes_zero(differences, text):
    assert str(of_pairs(differences)) == text


def test_more_seeds_need_fewer_standard_errors():
    assert not Difference(3.0, 1.0, degrees=2).is_significant
    assert Difference(3.0, 1.0, degrees=4).is_significant


def test_one_seed_has_no_deviation():
    table = results_table(results(KERAS_30, 0.97))
    assert "| 98.02 | 97.00, 1 seed | -1.02 |" in table


@pytest.mark.parametrize(
    "accuracies, difference",
    [  # minus 97, 99 and 50
        ((0.98, 0.98), "+0.00 ± 1.00"),  # +1 and -1: deviation √2, error √2 / √2
        ((0.95, 0.95, 0.47), "**-3.00 ± 0.58**"),  # -2, -4, -3: 1 / √3
        ((0.98,), "+1.00"),
    ],
)
def test_an_experiment_is_compared_with_its_baseline_seed_by_seed(accuracies, difference):
    baseline = results(DEFAULT, 0.97, 0.99, 0.5)
    experiment = results(BLANK, *accuracies)
    assert compare_in_pairs(experiment, baseline) == difference
    assert compare_in_pairs(experiment, []) == compare_in_pairs([], baseline) == ""
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
    assert line == f"| keras-30 | {accuracies} | +1.50 ± 0.50 | 0, 1 |"
    other = dataclasses.replace(KERAS_30, units=64)
    changed = dataclasses.replace(controls[0], settings=settings_text(other))
    assert controls_table(ours, [changed]) == ""


def test_readings_during_training_are_shown_beside_the_published_ones():
    readings = " ".join(["0.9500"] * 9 + ["0.9800"])
    (one,) = results(DEEP, 0.98)
    other = dataclasses.replace(one, seed=1, test_readings=readings.replace("0.95", "0.97"))
    table = deep_table([dataclasses.replace(one, test_readings=readings), other])
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
        Reference("MNIST", 1, 8, 0, 10, 0.5, 0.65),
        Reference("MNIST", 3, 8, 0, 10, 0.9, 0.94),
        Reference("MNIST", 3, 8, 1, 10, 0.9, 0.98),
        Reference("digits", 2, 8, 0, 10, 0.8, 0.85),
    ]
    one_row, three_rows = rows_table(early, references).splitlines()[2:]
    assert one_row == "| 1 | 55.00 ± 7.07 | 65.00, 1 seed | -10.00 |"
    # Variances 2 and 8, halved for two seeds each: error √5.
    assert three_rows == "| 3 | 92.00 ± 1.41 | 96.00 ± 2.83 | -4.00 ± 2.24 |"
    assert rows_table(results(EARLY, 0.9), references) == rows_table(early, []) == ""


def test_the_commands_of_the_table_name_other_data_than_mnist():
    name = "synthetic digits, tested on MNIST"
    table = results_table(results(BASIC, 0.9, data=name), "synthetic+my digits")
    assert f"test accuracy, % ({name})" in table
    (command,) = re.findall("`python (.*)`", table)
    assert shlex.split(command)[-2:] == ["--data", "synthetic+my digits"]
    assert "--data" not in results_table(results(BASIC, 0.9), "folder with MNIST")


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


@pytest.mark.parametrize(
    "name, data_source", [("results", None), ("results_synthetic", "synthetic+mnist")]
)
def test_the_tables_in_figures_are_those_of_the_results_beside_them(name, data_source):
    path = REPOSITORY / "figures" / "gallery" / f"{name}.csv"
    assert all_tables(path, data_source) == path.with_suffix(".md").read_text(encoding="utf-8")
