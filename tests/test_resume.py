"""A run that is interrupted and gone on with ends like one that was left alone, bit for bit."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm import runs, training
from tf_lstm.command_line import StopSignal
from tf_lstm.console import ProgressLine
from tf_lstm.data import Dataset, Split
from tf_lstm.drawn_digits import draw_digits
from tf_lstm.errors import Interrupted, UserError
from tf_lstm.recipes import BASIC, BEST, BILSTM_30, RECIPES, STACKED_32
from tf_lstm.runs import create_run, open_run
from tf_lstm.trainer import Trainer
from tf_lstm.training import Training, train

REPOSITORY = Path(__file__).resolve().parents[1]
IMAGES, LABELS = draw_digits(50, seed=8)
DATASET = Dataset(
    "toy",
    "nowhere",
    "abc",
    train=Split(IMAGES[:22], LABELS[:22]),
    validation=Split(IMAGES[22:40], LABELS[22:40]),
    test=Split(IMAGES[40:], LABELS[40:]),
)
# Dropout, bent images, a schedule, an optimizer with state; 22 images are 6 steps of 4 or fewer.
SHUFFLED = RECIPES["shuffled"]
RECIPE = dataclasses.replace(BEST, units=4, time_steps=7, batch_size=4, epochs=2, warmup_steps=3)


@pytest.fixture(autouse=True)
def runs_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(runs, "LATEST", tmp_path / "runs" / "latest")
    monkeypatch.setattr(training, "MOST_STEPS_PER_CALL", 2)
    monkeypatch.setattr(training, "SECONDS_PER_CHECKPOINT", 0)  # after every call


def new_run(folder, recipe=RECIPE):
    return create_run(folder, recipe, 3, DATASET, engine="folded", shards=2)


def outcome(folder):
    """Everything that a run leaves behind, but for the time that it took."""
    run = open_run(folder)
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in run.read_history()]
    state = Training(run, DATASET, print, ProgressLine(shown=False))
    weights = [variable.numpy() for variable in state.trainer.optimizer.variables]
    weights += [variable.numpy() for variable in state.model.variables_by_name.values()]
    best = [variable.numpy() for variable in run.best_model().variables_by_name.values()]
    return weights, best, repr(history), (run.folder / "test_result.json").read_bytes()


def assert_same(one, other):
    for arrays, others in zip(one[:2], other[:2], strict=True):
        for array, same in zip(arrays, others, strict=True):
            np.testing.assert_array_equal(array, same)
    assert one[2:] == other[2:]


class Crash(Exception):
    pass


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory):
    """What a run ends with that nobody interrupts."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "RUNS", folder.parent)
        patch.setattr(runs, "LATEST", folder.parent / "latest")
        train(new_run(folder), DATASET, quiet=True)
        return outcome(folder)


@pytest.mark.parametrize(
    "place, calls",
    [
        ((Trainer, "train_steps"), 1),  # before the first checkpoint
        ((Trainer, "train_steps"), 3),  # in the middle of an epoch
        ((Trainer, "train_steps"), 5),  # in the middle of the next one
        ((runs.Run, "write_history"), 1),  # an epoch done, and neither noted
        ((Training, "save"), 4),  # nor, though noted, saved
        ((runs.Run, "write_result"), 1),  # all done but the last file
    ],
)
def test_a_crash_anywhere_changes_nothing(place, calls, tmp_path, monkeypatch, left_alone):
    owner, name = place
    original, count = getattr(owner, name), [0]

    def crash(self, *arguments):
        count[0] += 1
        if count[0] == calls:
            raise Crash
        return original.__get__(self, owner)(*arguments)

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash)
        with pytest.raises(Crash):
            train(new_run(folder), DATASET, quiet=True)
    train(open_run(folder), DATASET, quiet=True)
    assert_same(outcome(folder), left_alone)


def test_the_same_settings_give_the_same_weights_again(tmp_path, left_alone):
    train(new_run(tmp_path / "run"), DATASET, quiet=True)
    assert_same(outcome(tmp_path / "run"), left_alone)


@pytest.mark.parametrize("recipe", [BASIC, BILSTM_30, STACKED_32, SHUFFLED], ids=lambda r: r.name)
def test_every_kind_of_recipe_can_be_resumed(recipe, tmp_path, monkeypatch):
    steps = 9 if recipe.steps else None  # 22 images in batches of 4: in the second epoch
    recipe = dataclasses.replace(recipe, units=3, batch_size=4, epochs=2, steps=steps, time_steps=7)
    train(new_run(tmp_path / "alone", recipe), DATASET, quiet=True)
    original = Trainer.train_steps

    def crash(self, order):
        if self.step >= 7:
            raise Crash
        return original.__get__(self, Trainer)(order)

    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(Trainer, "train_steps", crash)
        train(new_run(tmp_path / "run", recipe), DATASET, quiet=True)
    train(open_run(tmp_path / "run"), DATASET, quiet=True)
    assert_same(outcome(tmp_path / "run"), outcome(tmp_path / "alone"))


@pytest.mark.parametrize("bytes_left", [0, 100, 6_000])
def test_a_full_disk_is_told_and_a_resumed_run_ends_the_same(bytes_left, tmp_path, left_alone):
    run = new_run(tmp_path / "run")
    _, largest = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, largest))  # of every file from now on
    try:
        with pytest.raises(UserError, match="cannot be written .*--resume") as told:
            train(run, DATASET, quiet=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    assert str(run.folder) in str(told.value) and "\n" not in str(told.value)
    train(open_run(run.folder), DATASET, quiet=True)
    assert_same(outcome(run.folder), left_alone)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip_a_bit, cut_in_half, Path.unlink])
@pytest.mark.parametrize("part", ["data*", "index"])
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_it_used(
    part, damage, tmp_path, left_alone, capfd
):
    run = new_run(tmp_path / "run")
    state = Training(run, DATASET, print, ProgressLine(shown=False))
    with StopSignal() as nothing:
        state.train_epoch(1, nothing)
        state.finish_epoch(1, 0)
    newest = state.latest.latest_checkpoint
    damage(next(Path(newest).parent.glob(f"{Path(newest).name}.{part}")))
    train(open_run(run.folder), DATASET, quiet=True)
    assert f"{newest} is damaged" in capfd.readouterr().err
    assert_same(outcome(run.folder), left_alone)


def test_a_signal_stops_after_a_few_steps_and_says_how_to_go_on(tmp_path, left_alone):
    run = new_run(tmp_path / "run")
    state = Training(run, DATASET, print, ProgressLine(shown=False))
    with StopSignal() as stop_signal, pytest.raises(Interrupted, match="--resume") as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
        state.train_epoch(1, stop_signal)
    assert stopped.value.signal == signal.SIGTERM and state.trainer.step == 2
    train(open_run(run.folder), DATASET, quiet=True)
    assert_same(outcome(run.folder), left_alone)


def test_a_gradient_that_is_not_finite_stops_the_run_and_spares_the_weights(tmp_path):
    recipe = dataclasses.replace(
        STACKED_32, units=4, time_steps=7, batch_size=4, learning_rate=1e38
    )
    run = new_run(tmp_path / "run", recipe)
    with pytest.raises(UserError, match=r"not finite at step \d+.*learning rate.*--learning-rate"):
        train(run, DATASET, quiet=True)
    state = Training(run, DATASET, print, ProgressLine(shown=False))
    assert all(np.isfinite(v).all() for v in state.model.variables_by_name.values())


def test_two_processes_cannot_write_one_run(tmp_path):
    run = new_run(tmp_path / "run")
    with run.locked(), pytest.raises(UserError, match="another process"), run.locked():
        pass


def start_training(folder, *flags):
    script = REPOSITORY / "scripts" / "train_mnist.py"
    return subprocess.Popen(
        [sys.executable, script, *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def data_file(tmp_path):
    images, labels = draw_digits(3000, seed=9)
    path = tmp_path / "digits.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images[:90], y_test=labels[:90])
    return path


def wait_for(path):
    deadline = time.monotonic() + 120
    while not list(path.parent.glob(path.name)):
        assert time.monotonic() < deadline, path
        time.sleep(0.05)


def test_ctrl_c_ends_a_process_that_can_be_resumed(tmp_path, data_file):
    folder = tmp_path / "run"
    flags = ("--units", 8, "--batch-size", 8, "--data", data_file, "--engine", "folded")
    process = start_training(folder, *flags, "--run", folder, "--epochs", 2)
    wait_for(folder / "checkpoints" / "latest" / "ckpt-1.index")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.count("\n") == 1 and f"--resume {folder}" in errors
    process = start_training(folder, "--resume", folder)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert "going on after step" in output and (folder / "test_result.json").exists()


def test_resume_takes_no_other_settings():
    process = start_training(None, "--resume", "--units", 3)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2 and "leave out --units" in errors


def test_tensorflow_is_deterministic_enough():
    # What all of the above stands on: the same operations give the same bits.
    matrix = tf.random.stateless_normal((64, 64), [1, 2])
    np.testing.assert_array_equal(matrix @ matrix, matrix @ matrix)
