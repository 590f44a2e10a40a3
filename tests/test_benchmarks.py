"""The scripts that measure and collect results, each run once on a few synthetic digits.

They run in this process, because starting TensorFlow takes longer than what they do.
"""

import dataclasses
import json
import re
import runpy
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from saved_runs import write_digits
from worker_processes import finish, start

from tf_lstm.data.dataset import load_dataset
from tf_lstm.data.synthetic import render_digits
from tf_lstm.evaluation import row_predictions
from tf_lstm.published_systems import KERAS_30, STACKED_32
from tf_lstm.recipes import QUICK, RECIPES
from tf_lstm.results import records
from tf_lstm.results.cells import chosen_rate
from tf_lstm.results.records import KERAS, OLD_KERAS, Reference, Result, read_results
from tf_lstm.runs import locate
from tf_lstm.runs.locate import open_run, reopen_run
from tf_lstm.terminal.errors import UserError

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS / "benchmarks"))

import epoch
import keras_controls
import photos
import whole_command
from systems import SYSTEMS, available_systems


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """45 digits, 9 of which are also the test images."""
    return write_digits(tmp_path_factory.mktemp("data") / "digits.npz", 45, test_count=9)


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """Runs go to a temporary folder."""
    monkeypatch.setattr(locate, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(locate, "LATEST", tmp_path / "runs" / "latest")


@pytest.fixture
def call(monkeypatch, capfd):
    """A function that runs a script, and returns its status, output and errors."""

    def call(script, *flags):
        monkeypatch.setattr(sys, "argv", list(map(str, (script, *flags))))
        status = 0
        try:
            runpy.run_path(str(SCRIPTS / script), run_name="__main__")
        except SystemExit as exit:
            status = exit.code
        return status, *capfd.readouterr()

    return call


@pytest.fixture
def succeed(call):
    """A function that runs a script which must succeed, and returns its output."""

    def succeed(script, *flags):
        status, output, errors = call(script, *flags)
        assert (status, errors) == (0, "")
        return output

    return succeed


def refused(ended, *words):
    """Assert exit status 2 and one sentence that contains all of `words`."""
    status, _, errors = ended
    assert (status, errors.count("\n")) == (2, 1)
    for word in words:
        assert str(word) in errors


def smaller(recipe, monkeypatch):
    """Replace a recipe by one of the same name that is trained in a moment."""
    small = dataclasses.replace(recipe, time_steps=4, units=3, epochs=1)
    monkeypatch.setitem(RECIPES, recipe.name, small)
    return small


@pytest.fixture
def quick(monkeypatch):
    return smaller(QUICK, monkeypatch)


@pytest.fixture
def keras_30(monkeypatch):
    small = smaller(KERAS_30, monkeypatch)
    monkeypatch.setattr("tf_lstm.published_systems.KERAS_30", small)
    return small


@pytest.fixture
def trainings(monkeypatch, call):
    """The flags of each training of reproduce_results.py, which is not a process of its own."""
    trainings = []

    def run_program(command, remedy):
        _, script, *flags = command
        trainings.append(flags)
        return call(script.relative_to(SCRIPTS), *flags)[0]

    monkeypatch.setattr("tf_lstm.results.training.run_program", run_program)
    return trainings


def test_results_that_are_missing_are_trained_and_none_twice(
    quick, trainings, succeed, digits, tmp_path
):
    path = tmp_path / "results.csv"
    flags = ("--recipe", "quick", "--data", digits, "--output", path, "--seeds")
    for seeds in (1, 2, 2):
        output = succeed("reproduce_results.py", *flags, seeds)
    assert [flags[flags.index("--seed") + 1] for flags in trainings] == [0, 1]
    results = read_results(path, Result)
    assert [(result.recipe, result.seed) for result in results] == [("quick", 0), ("quick", 1)]
    test = open_run(tmp_path / "runs" / "results" / "quick-1").read_result()
    assert results[1].test_accuracy == pytest.approx(test.accuracy, abs=1e-6)
    row_accuracies = results[1].row_accuracies.split()
    assert len(row_accuracies) == 4 and float(row_accuracies[-1]) == round(test.accuracy, 4)
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert path.with_suffix(".md").read_text() in output


def test_what_another_process_has_trained_meanwhile_is_not_trained_again(
    quick, trainings, succeed, digits, tmp_path, monkeypatch
):
    path = tmp_path / "results.csv"
    add = records.add_result

    def add_two(path, result):
        add(path, result)
        add(path, dataclasses.replace(result, seed=1))

    monkeypatch.setattr(records, "add_result", add_two)
    flags = ("--recipe", "quick", "--data", digits, "--output", path, "--seeds", 2)
    succeed("reproduce_results.py", *flags)
    assert len(trainings) == 1 and len(read_results(path, Result)) == 2


def test_a_run_of_another_training_is_not_counted(quick, succeed, call, digits, tmp_path):
    data, path = ("--data", digits), tmp_path / "results.csv"
    folder = tmp_path / "runs" / "results" / "quick-0"
    for other in (("--units", 2), ("--seed", 1)):
        shutil.rmtree(folder, ignore_errors=True)
        succeed("train_mnist.py", "--recipe", "quick", *data, "--run", folder, "--quiet", *other)
        flags = ("--recipe", "quick", "--seeds", 1, *data, "--output", path)
        refused(call("reproduce_results.py", *flags), folder)
        assert not path.exists()


@pytest.mark.slow
def test_cells_are_compared_at_the_usual_and_at_the_best_learning_rate(
    trainings, succeed, digits, tmp_path
):
    path = tmp_path / "cells.csv"
    flags = ("--cells", "rnn", "--time-steps", 28, "--data", digits, "--output", path, "--seeds")
    for seeds in (1, 2):
        output = succeed("benchmarks/compare_cells.py", *flags, seeds)
    results = read_results(path, Result)
    rates = [[result_rate(each) for each in results if each.seed == seed] for seed in (0, 1)]
    assert len(trainings) == len(results) and len(set(rates[0])) == 3
    assert set(rates[1]) == {4e-3, chosen_rate(results)}
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert path.with_suffix(".md").read_text().strip() in output


@pytest.mark.slow
def test_a_recipe_is_trained_once_on_each_data_set(trainings, succeed, call, digits, tmp_path):
    path = tmp_path / "data_sets.csv"
    letters = write_digits(tmp_path / "letters.npz", 40, test_count=8)
    flags = ("--output", path, "--seeds", 1, "--data", f"digits={digits}")
    succeed("benchmarks/data_sets.py", *flags)
    output = succeed("benchmarks/data_sets.py", *flags, f"letters={letters}")
    assert [result.data for result in read_results(path, Result)] == ["digits", "letters"]
    assert len(trainings) == 2 and path.with_suffix(".md").read_text().strip() in output
    refused(call("benchmarks/data_sets.py", *flags, f"MNIST={letters}"), letters)
    refused(call("benchmarks/data_sets.py", *flags, "letters"), "--data", "letters")


def result_rate(result):
    return json.loads(result.settings)["learning_rate"]


@pytest.mark.slow
def test_sigterm_also_ends_the_training(digits, tmp_path):
    copy = tmp_path / "repository"
    for part in ("tf_lstm", "scripts"):
        shutil.copytree(SCRIPTS.parent / part, copy / part)
    folder, script = copy / "runs" / "results" / "quick-0", copy / "scripts/reproduce_results.py"
    flags = ("--recipe", "quick", "--data", digits, "--seeds", 1)
    process = start([script, *flags])
    while not (folder / "settings.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    finish(process, 128 + signal.SIGTERM)
    with reopen_run(folder):
        pass  # no process is writing it
    assert "run 1 of 1" in finish(start([script, *flags]))[0]


def test_keras_controls_are_trained_once(keras_30, succeed, digits, tmp_path):
    path = tmp_path / "controls.csv"
    for lines in (2, 0):
        flags = ("--recipe", "keras-30", "--seeds", 1, "--data", digits, "--output", path)
        output = succeed("benchmarks/keras_controls.py", *flags)
        assert len(re.findall("^keras-30, seed 0, Keras", output, re.M)) == lines
    controls = read_results(path, Result)
    assert [result.system for result in controls] == [KERAS, OLD_KERAS]


def test_keras_controls_update_the_tables_of_results_on_the_same_data(
    keras_30, succeed, digits, tmp_path
):
    other = write_digits(tmp_path / "other.npz", 45)
    result = Result("keras-30", 0, "", 0.9, 0.8, 1.0, records.settings_text(keras_30))
    for data in (digits, other):
        for system in (KERAS, OLD_KERAS):
            control = dataclasses.replace(result, data=load_dataset(data).name, system=system)
            records.add_result(tmp_path / "controls.csv", control)
    ours = dataclasses.replace(result, data=load_dataset(digits).name)
    records.add_result(tmp_path / "results.csv", ours)
    flags = ("--recipe", "keras-30", "--seeds", 1, "--output", tmp_path / "controls.csv")
    succeed("benchmarks/keras_controls.py", *flags, "--data", other)
    assert not (tmp_path / "results.md").exists()
    succeed("benchmarks/keras_controls.py", *flags, "--data", digits)
    assert f"--data {digits}`" in (tmp_path / "results.md").read_text()


@pytest.mark.parametrize(
    "script",
    ["reproduce_results.py", "benchmarks/keras_controls.py", "benchmarks/reference_networks.py"],
)
def test_a_file_that_cannot_be_written_is_refused_before_training(script, call, digits, tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "results.csv"
    ended = call(script, "--data", digits, "--output", path)
    refused(ended, path)
    assert ended[1] == ""


def test_the_old_rmsprop_adds_epsilon_to_the_root():
    optimizer = keras_controls.old_optimizer(dataclasses.replace(STACKED_32, learning_rate=0.5))
    weight, gradient = tf.Variable([1.0]), 1e-6  # √(0.1 · 1e-12) = 3.16e-7
    optimizer.apply([tf.constant([gradient])], [weight])
    root = gradient * 0.1**0.5
    np.testing.assert_allclose(weight, [1 - 0.5 * gradient / (root + 1e-7)], rtol=1e-5)


def test_reference_networks_are_trained_once(succeed, call, digits, tmp_path):
    path = tmp_path / "reference.csv"
    flags = ("--data", digits, "--output", path, "--rows", 7, "--widths", 1, "--seeds")
    for seeds, trained_now in ((1, ["0"]), (2, ["1"]), (2, [])):
        output = succeed("benchmarks/reference_networks.py", *flags, seeds, "--epochs", 1)
        assert re.findall(r"seed (\d)", output) == trained_now
    found = [(line.rows, line.width, line.seed) for line in read_results(path, Reference)]
    assert found == [(7, 1, 0), (7, 1, 1)]
    refused(call("benchmarks/reference_networks.py", *flags, 1, "--epochs", 2), path, "--epochs")


def test_an_ensemble_predicts_with_the_mean_of_its_networks(quick, succeed, digits, tmp_path):
    in_columns = ("--set", "row_order=columns", "--set", "eval_row_order=columns")
    folders, path = [tmp_path / "rows", tmp_path / "columns"], tmp_path / "ensemble.md"
    for folder, changes in zip(folders, ((), in_columns), strict=True):
        flags = ("--recipe", "quick", "--quiet", "--data", digits, "--run", folder)
        succeed("train_mnist.py", *flags, *changes)
    output = succeed("benchmarks/ensemble.py", *folders, "--output", path)
    test = load_dataset(digits).test
    models = [open_run(folder).kept_model() for folder in folders]
    mean = sum(row_predictions(model, test.images)[:, -1] for model in models)
    accuracy = f"{100 * np.mean(mean.argmax(axis=1) == test.labels):.2f}"
    line = rf"^\| the mean of these 2 \| \d+\.\d+ \| {accuracy} \|$"
    assert re.search(line, output, re.M) and re.search(line, path.read_text(), re.M)


@pytest.mark.parametrize("kind", [photos.PLAIN, "squared paper, strong lines"])
def test_a_picture_of_a_kind_depends_on_its_seed_and_is_read(kind):
    image = render_digits(1, seed=3)[0][0]
    first, again, other = (photos.read_one(kind, image, [seed]) for seed in (1, 1, 2))
    assert first.content == again.content != other.content
    assert not first.refused and np.abs(first.image.astype(int) - image).mean() < 25


def test_photos_of_an_unknown_kind_are_refused(call):
    refused(call("benchmarks/photos.py", "--kind", "no such kind"), "--kind")


def test_networks_of_an_ensemble_share_their_data(quick, succeed, call, digits, tmp_path):
    other, folders = write_digits(tmp_path / "other.npz", 50), [tmp_path / "1", tmp_path / "2"]
    for data, folder in zip((digits, other), folders, strict=True):
        flags = ("--recipe", "quick", "--quiet", "--data", data, "--run", folder)
        succeed("train_mnist.py", *flags)
    refused(call("benchmarks/ensemble.py", *folders), *folders)
    refused(call("benchmarks/ensemble.py", folders[0], "--data", other), "--data")
    refused(call("benchmarks/ensemble.py", tmp_path), tmp_path)


def test_whole_commands_are_measured_in_turn(
    quick, keras_30, succeed, digits, tmp_path, monkeypatch
):
    def measure(command):
        path = Path(command[1])
        script = path.relative_to(next(p for p in path.parents if p.name == "scripts"))
        output = succeed(script, *command[2:])
        return 1.0, float(re.search(r"accuracy (\d+\.\d+) %$", output, re.M)[1])

    path = tmp_path / "table.md"
    flags = ["--data", str(digits), "--rounds", "1", "--output", str(path)]
    monkeypatch.setattr(sys, "argv", ["whole_command.py", *flags])
    monkeypatch.setattr(whole_command, "measure", measure)
    whole_command.main()
    rows = [row for row in path.read_text().splitlines()[4:] if row]
    assert rows[-1].startswith("| Keras fit") and "| this project, quick, cell |" in rows[-2]
    assert all("| 1.0 | 1.0-1.0 | 1.00 |" in row for row in rows)


def test_a_whole_command_is_measured_until_it_has_printed_its_accuracy(capfd):
    def measure(program):
        return whole_command.measure([sys.executable, "-c", program])

    seconds, accuracy = measure("print('accuracy 97.50 %', flush=True); import time; time.sleep(1)")
    assert 0 < seconds < 1 and accuracy == 97.5
    with pytest.raises(UserError, match="failed"):
        measure("raise SystemExit('no memory')")
    assert "no memory" in capfd.readouterr().err


def test_a_system_is_measured_or_the_reason_is_given():
    available, reasons = available_systems()
    assert {*available, *(line.partition(":")[0] for line in reasons)} == set(SYSTEMS)


USUAL = {"batch_size": 4, "units": 3, "layers": 1, "time_steps": 4}


@pytest.mark.slow
def test_an_epoch_is_measured_in_a_process_for_each_system(monkeypatch, tmp_path):
    path = tmp_path / "epochs.md"
    systems = ["this project, folded", *epoch.FLOORS]
    monkeypatch.setattr(epoch, "available_systems", lambda: (systems, ["others: not measured"]))
    monkeypatch.setattr(epoch, "USUAL", USUAL)
    monkeypatch.setattr(epoch, "VARIATIONS", ())
    monkeypatch.setattr(epoch, "INFERENCE_BATCHES", {1: 8, 30: 60})
    flags = ["--images", "512", "--rounds", "1", "--output", str(path)]
    monkeypatch.setattr(sys, "argv", ["epoch.py", *flags])
    epoch.main()
    table = path.read_text()
    assert len(re.findall(r"^\| this project, folded \| \d+\.\d \|", table, re.M)) == 1
    assert re.search(r"^\| this project, folded \| \d+\.\d\d \| \d+\.\d\d \|$", table, re.M)
    (measured,) = json.loads(path.with_suffix(".json").read_text())
    assert list(measured["systems"]) == ["this project, folded"] and measured["settings"] == USUAL


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_trains_and_infers(name):
    pytest.importorskip(SYSTEMS[name].package)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (8, 28, 28), np.uint8)
    workload = SYSTEMS[name].build(USUAL, images, np.arange(8, dtype=np.int32))
    workload.first_step()
    workload.train()
    workload.infer(3)
