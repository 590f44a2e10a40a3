"""A run that is interrupted and resumed ends like an uninterrupted one, bit for bit."""

import dataclasses
import json
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
from saved_runs import assert_same_run, write_digits

from tf_lstm import train_loop
from tf_lstm.data.dataset import Dataset, Split
from tf_lstm.data.synthetic import render_digits
from tf_lstm.evaluation import evaluate
from tf_lstm.published_systems import BASIC, BILSTM_30, DEEP, STACKED_32
from tf_lstm.recipes import BEST, DEFAULT, RECIPES
from tf_lstm.runs import locate, session, training
from tf_lstm.runs.locate import create_run, open_run, reopen_run
from tf_lstm.runs.published import read_test_accuracies
from tf_lstm.runs.run import Run
from tf_lstm.runs.session import Session
from tf_lstm.runs.settings import RunSettings
from tf_lstm.terminal.errors import Interrupted, UserError
from tf_lstm.train_step import Trainer

REPOSITORY = Path(__file__).resolve().parents[1]
IMAGES, LABELS = render_digits(50, seed=8)
DATASET = Dataset(
    "toy",
    "nowhere",
    "abc",
    train=Split(IMAGES[:22], LABELS[:22]),
    validation=Split(IMAGES[22:40], LABELS[22:40]),
    test=Split(IMAGES[40:], LABELS[40:]),
)
# Dropout, augmentation, a schedule, an optimizer with state; 22 images are 6 steps of 4 or fewer.
SHUFFLED = RECIPES["shuffled"]
GRU, RNN = (dataclasses.replace(DEFAULT, name=cell, cell=cell) for cell in ("gru", "rnn"))
RECIPE = dataclasses.replace(
    BEST, units=4, time_steps=4, batch_size=4, epochs=2, warmup_steps=3, dropout=0.2
)


@pytest.fixture(autouse=True)
def small_pieces(runs_folder, monkeypatch):
    monkeypatch.setattr(train_loop, "steps_in_a_second", lambda trainer: 2)
    monkeypatch.setattr(session, "SECONDS_PER_CHECKPOINT", 0)  # after each of these calls
    monkeypatch.setattr(training, "load_dataset", lambda *arguments: DATASET)


def new_run(folder, recipe=RECIPE, precision="float32", engine=None):
    """A run of which nothing is trained yet."""
    engine = engine or ("folded" if recipe.cell == "lstm" else "cell")
    data = training.describe(DATASET)
    options = {"engine": engine, "precision": precision, "shards": 2}
    with create_run(folder, RunSettings(recipe, data, seed=3, **options)) as run:
        return run


def new_session(run):
    strategy = tf.distribute.get_strategy()
    trainer = training.trainer_of(run.settings, DATASET, strategy)
    return Session(run, trainer, DATASET, quiet=True)


def train(run):
    training.resume_run(run.folder, quiet=True)


class Crash(Exception):
    pass


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a run that was not interrupted."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locate, "RUNS", folder.parent)
        patch.setattr(locate, "LATEST", folder.parent / "latest")
        patch.setattr(training, "load_dataset", lambda *arguments: DATASET)
        train(new_run(folder))
    return folder


def test_the_kept_weights_are_tested_and_not_the_last_ones(tmp_path, monkeypatch):
    run = new_run(tmp_path / "run", dataclasses.replace(RECIPE, epochs=1))
    session = new_session(run)
    session.kept.save()  # and never again
    monkeypatch.setattr(Session, "is_best", lambda *arguments: False)
    kept = evaluate(run.kept_model(), DATASET.test.images, DATASET.test.labels)
    assert session.train().loss == pytest.approx(kept.loss, rel=1e-5)


@pytest.mark.parametrize(
    "place, calls",
    [
        ((Trainer, "train_steps"), 1),  # before the first checkpoint
        ((Trainer, "train_steps"), 3),  # within an epoch
        ((Trainer, "train_steps"), 5),  # within the next one
        ((Run, "write_history"), 1),  # after an epoch, before its history is written
        ((Session, "save"), 4),  # after that, before its checkpoint is written
        ((Run, "write_result"), 1),  # before the last file
    ],
)
def test_a_crash_anywhere_changes_nothing(place, calls, tmp_path, monkeypatch, uninterrupted):
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
            train(new_run(folder))
    train(open_run(folder))
    assert_same_run(folder, uninterrupted)


def test_mixed_precision_is_recorded_and_resumes_with_the_same_bits(tmp_path, uninterrupted):
    whole, resumed = (tmp_path / name for name in ("whole", "resumed"))
    for folder in (whole, resumed):
        new_run(folder, precision="mixed_bfloat16")
    train(open_run(whole))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Crash):
        patch.setattr(Run, "write_history", lambda *arguments: (_ for _ in ()).throw(Crash))
        train(open_run(resumed))
    train(open_run(resumed))
    assert open_run(resumed).settings.precision == "mixed_bfloat16"
    assert_same_run(resumed, whole)
    with pytest.raises(AssertionError):
        assert_same_run(whole, uninterrupted)


def test_the_same_settings_give_the_same_weights_again(tmp_path, uninterrupted):
    train(new_run(tmp_path / "run"))
    assert_same_run(tmp_path / "run", uninterrupted)


@pytest.mark.parametrize(
    "recipe",
    [
        *(DEEP, SHUFFLED, GRU),
        *(pytest.param(r, marks=pytest.mark.slow) for r in (BASIC, BILSTM_30, STACKED_32, RNN)),
    ],
    ids=lambda recipe: recipe.name,
)
def test_every_kind_of_recipe_can_be_resumed(recipe, tmp_path, monkeypatch):
    max_steps = 9 if recipe.max_steps else None  # 22 images in batches of 4: in the second epoch
    test_every = 3 if recipe.test_every else None
    recipe = dataclasses.replace(
        recipe,
        units=3,
        batch_size=4,
        epochs=2,
        max_steps=max_steps,
        time_steps=4,
        test_every=test_every,
    )
    train(new_run(tmp_path / "uninterrupted", recipe))
    original = Trainer.train_steps

    def crash(self, order):
        if self.step >= 7:
            raise Crash
        return original.__get__(self, Trainer)(order)

    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(Trainer, "train_steps", crash)
        train(new_run(tmp_path / "run", recipe))
    train(open_run(tmp_path / "run"))
    assert_same_run(tmp_path / "run", tmp_path / "uninterrupted")


def test_the_last_reading_of_the_test_images_is_the_result_if_the_last_weights_are_kept(tmp_path):
    # Here the hooks are called after every second step.
    train(new_run(tmp_path / "run", dataclasses.replace(RECIPE, test_every=4, keep_weights="last")))
    run = open_run(tmp_path / "run")
    accuracies = read_test_accuracies(run.folder)
    result = json.loads((run.folder / "test_result.json").read_text())
    assert list(accuracies) == [4, 8, 12] and accuracies[12] == result["accuracy"]
    kept, last = run.kept_model(), new_session(run).trainer.model  # the latest checkpoint
    for name, variable in kept.variables_by_name.items():
        np.testing.assert_array_equal(variable, last.variables_by_name[name])


@pytest.mark.parametrize("bytes_left", [0, 100, 6_000])
def test_a_full_disk_is_reported_and_a_resumed_run_ends_the_same(
    bytes_left, tmp_path, uninterrupted
):
    run = new_run(tmp_path / "run")
    _, largest = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, largest))  # of every file from now on
    try:
        with pytest.raises(UserError, match="cannot be written .*--resume") as report:
            train(run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    assert str(run.folder) in str(report.value) and "\n" not in str(report.value)
    train(open_run(run.folder))
    assert_same_run(run.folder, uninterrupted)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip_a_bit, cut_in_half, Path.unlink])
@pytest.mark.parametrize("part", ["data*", "index"])
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_it_used(
    part, damage, tmp_path, monkeypatch, uninterrupted, capfd
):
    run = new_run(tmp_path / "run")
    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(Session, "say", raise_crash_after_an_epoch)
        train(run)
    latest = run.checkpoints("latest")
    assert latest.numbers == [4, 3]  # after steps 2, 4 and 6, and after the epoch
    newest = latest.path(4)
    damage(next(Path(newest).parent.glob(f"{Path(newest).name}.{part}")))
    train(open_run(run.folder))
    # Without its index, TensorFlow's last file, a checkpoint is one that was never finished.
    was_deleted = (part, damage) == ("index", Path.unlink)
    assert was_deleted or f"{newest} is damaged" in capfd.readouterr().err
    assert_same_run(run.folder, uninterrupted)


def raise_crash_after_an_epoch(self, text):
    if text.startswith("epoch"):
        raise Crash


class Killer(train_loop.Hooks):
    """Sends SIGTERM to this process after some steps."""

    def after_steps(self, epoch, step, batch):
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_stops_after_a_few_steps_and_says_how_to_resume(tmp_path, uninterrupted):
    run = new_run(tmp_path / "run")
    stopped = new_session(run)
    stopped.hooks.append(Killer())
    with pytest.raises(Interrupted, match="--resume") as interruption:
        stopped.train()
    assert interruption.value.signal == signal.SIGTERM and stopped.trainer.step == 4
    train(open_run(run.folder))
    assert_same_run(run.folder, uninterrupted)


def test_a_gradient_that_is_not_finite_stops_the_run_and_spares_the_weights(tmp_path):
    # Learning rates are bounded, so that no training diverges this far: the test enlarges a weight.
    run = new_run(tmp_path / "run", dataclasses.replace(RECIPE, lr_schedule="constant"))
    stopped = new_session(run)
    weights = stopped.trainer.model.weights["out"]
    enlarged = []

    class Enlarge(train_loop.Hooks):
        def after_steps(self, epoch, step, batch):
            if step == 4:
                weights.assign(weights * np.inf)
                enlarged.append(weights.numpy())

    stopped.hooks.append(Enlarge())  # after the session has saved the step
    with pytest.raises(UserError, match=r"not finite at step \d+,.*rate 0\.012.*--learning-rate"):
        stopped.train()
    np.testing.assert_array_equal(weights, enlarged[0])
    saved = new_session(open_run(run.folder)).trainer
    assert saved.step == 4
    assert all(np.isfinite(v).all() for v in saved.model.variables_by_name.values())


def test_a_full_memory_is_one_sentence(tmp_path, monkeypatch):
    def exhaust(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating a tensor")

    monkeypatch.setattr(Trainer, "train_steps", exhaust)
    with pytest.raises(UserError, match="units"):
        train(new_run(tmp_path / "run"))
    monkeypatch.setattr(training, "build_model", exhaust)
    with pytest.raises(UserError, match="units"):
        training.train_run(DATASET, RECIPE, tmp_path / "other", quiet=True)
    assert not (tmp_path / "other").exists()


def test_a_signal_while_the_first_step_is_traced_stops_at_once(tmp_path, monkeypatch):
    def trace(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    monkeypatch.setattr(Trainer, "train_steps", trace)
    started = time.monotonic()
    with pytest.raises(Interrupted, match="--resume") as interruption:
        train(new_run(tmp_path / "run"))
    assert interruption.value.signal == signal.SIGTERM and time.monotonic() - started < 30


def test_a_second_ctrl_c_says_how_to_continue(tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "train_steps", interrupt)
    with pytest.raises(Interrupted, match="--resume") as interruption:
        train(new_run(tmp_path / "run"))
    assert interruption.value.signal == signal.SIGINT


def test_two_processes_cannot_write_one_run(tmp_path):
    folder = new_run(tmp_path / "run").folder
    with reopen_run(folder), pytest.raises(UserError, match="another process"):
        train(open_run(folder))


def start_training(*flags):
    script = REPOSITORY / "scripts" / "train_mnist.py"
    return subprocess.Popen(
        [sys.executable, script, *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def data_file(tmp_path):
    return write_digits(tmp_path / "digits.npz", 3000)


def wait_for(path):
    deadline = time.monotonic() + 120
    while not list(path.parent.glob(path.name)):
        assert time.monotonic() < deadline, path
        time.sleep(0.05)


def test_ctrl_c_ends_a_process_that_can_be_resumed(tmp_path, data_file):
    folder = tmp_path / "run"
    flags = ("--units", 8, "--batch-size", 8, "--data", data_file, "--engine", "folded")
    process = start_training(*flags, "--run", folder, "--epochs", 2)
    wait_for(folder / "checkpoints" / "latest" / "ckpt-1.index")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.count("\n") == 1 and f"--resume {folder}" in errors
    process = start_training("--resume", folder)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert "resuming after step" in output and (folder / "test_result.json").exists()


def test_resume_takes_no_other_settings():
    process = start_training("--resume", "--units", 3)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2 and "leave out --units" in errors


def test_tensorflow_is_deterministic_enough():
    # All tests above rely on it: the same operations give the same bits.
    matrix = tf.random.stateless_normal((64, 64), [1, 2])
    np.testing.assert_array_equal(matrix @ matrix, matrix @ matrix)
