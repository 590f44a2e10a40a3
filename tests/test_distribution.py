"""Several replicas, and several worker processes, train as one device does."""

from pathlib import Path

import numpy as np
import pytest
from worker_processes import configs, finish, start

from tf_lstm.data.synthetic import render_digits
from tf_lstm.runs.locate import open_run

REPOSITORY = Path(__file__).resolve().parents[1]

# Devices and workers are chosen once in a process, so these trainings run in new processes. With
# two parts of a batch, dropout and augmentation are the same whichever device computes a part.
TRAIN_A_LITTLE = """
import dataclasses, sys
import numpy as np
sys.path.insert(0, {repository!r})
from tf_lstm.terminal.startup import import_tensorflow
tf = import_tensorflow("cpu")
from tf_lstm.data.dataset import Dataset, Split
from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import build_model
from tf_lstm.engines.distribution import new_strategy, new_trainer
from tf_lstm.recipes import BEST

strategy = new_strategy({name!r}, 2)
recipe = dataclasses.replace(
    BEST, units=6, time_steps=7, batch_size=8, warmup_steps=0, dropout=0.2, global_clipnorm=0.5
)
split = Split(*render_digits(22, seed=5))
dataset = Dataset("digits (not MNIST)", "none", "none", split, split, split)
with strategy.scope():
    model = build_model(recipe, seed=1)
    shards = 2 // strategy.num_replicas_in_sync
    trainer = new_trainer(model, dataset, total_steps=20, seed=0, shards=shards)
trainer.train_steps(np.arange(22, dtype=np.int32))  # 8, 8 and 6 images
trainer.train_steps(np.arange(1, dtype=np.int32))  # one image: one of the parts is empty
np.savez(
    {output!r},
    *map(np.array, map(tf.convert_to_tensor, model.variables_by_name.values())),
    metrics=trainer.epoch_metrics(),
    step=trainer.step,
)
"""


def train_a_little(name, output, tf_config=None):
    script = TRAIN_A_LITTLE.format(repository=str(REPOSITORY), name=name, output=str(output))
    return start(["-c", script], tf_config)


@pytest.fixture(scope="module")
def on_one_device(tmp_path_factory):
    output = tmp_path_factory.mktemp("none") / "weights.npz"
    finish(train_a_little("none", output))
    return np.load(output)


def assert_same(weights, expected):
    assert weights.files == expected.files and weights["step"] == 4
    for name in expected.files:
        np.testing.assert_allclose(weights[name], expected[name], atol=1e-5, err_msg=name)


def test_two_replicas_train_as_one_device_does(on_one_device, tmp_path):
    output = tmp_path / "weights.npz"
    finish(train_a_little("mirrored", output))
    assert_same(np.load(output), on_one_device)


def test_two_workers_train_as_one_device_does(on_one_device, tmp_path):
    outputs = [tmp_path / "0.npz", tmp_path / "1.npz"]
    workers = [
        train_a_little("multi-worker", *pair) for pair in zip(outputs, configs(), strict=True)
    ]
    for worker, output in zip(workers, outputs, strict=True):
        finish(worker)
        assert_same(np.load(output), on_one_device)


def train_flags(folder):
    images, labels = render_digits(90, seed=3)
    data = folder / "digits.npz"
    np.savez(data, x_train=images[:60], y_train=labels[:60], x_test=images, y_test=labels)
    script = REPOSITORY / "scripts" / "train_mnist.py"
    flags = ["--units", 4, "--batch-size", 8, "--epochs", 2, "--recipe", "keras-30"]
    return [script, "--data", data, *flags]


@pytest.fixture(scope="module")
def history_alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    finish(start([*train_flags(folder), "--run", folder / "run"]))
    return open_run(folder / "run").read_history()


def assert_same_history(run, strategy, history_alone):
    assert (run.settings.strategy, run.settings.replicas) == (strategy, 2)
    for row, expected in zip(run.read_history(), history_alone, strict=True):
        assert row.train_loss == pytest.approx(expected.train_loss, rel=1e-5)


@pytest.mark.slow
def test_mirrored_replicas_make_the_same_run(history_alone, tmp_path):
    command = [*train_flags(tmp_path), "--strategy", "mirrored", "--run", tmp_path / "run"]
    assert "90 test images" in finish(start(command))[0]
    assert_same_history(open_run(tmp_path / "run"), "mirrored", history_alone)


def test_the_first_of_two_workers_writes_the_run(history_alone, tmp_path):
    command = [*train_flags(tmp_path), "--strategy", "multi-worker", "--run", tmp_path / "run"]
    first, second = [start(command, config) for config in configs()]
    assert finish(second)[0] == ""
    assert "90 test images" in finish(first)[0]
    assert_same_history(open_run(tmp_path / "run"), "multi-worker", history_alone)


def test_workers_with_different_settings_are_refused(tmp_path):
    command = [*train_flags(tmp_path), "--strategy", "multi-worker", "--run", tmp_path / "run"]
    flags = ([], ["--seed", 1])
    workers = [start(command + more, config) for more, config in zip(flags, configs(), strict=True)]
    for _, errors in [finish(worker, returncode=2) for worker in workers]:
        assert errors.count("\n") == 1 and "different settings or data" in errors
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--replicas", "2"], "--replicas needs --strategy mirrored"),
        (["--strategy", "multi-worker"], "--strategy multi-worker needs --run"),
        (["--strategy", "multi-worker", "--run", "x"], "TF_CONFIG"),
    ],
)
def test_flags_that_make_no_sense_are_refused(flags, message, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    _, errors = finish(start([REPOSITORY / "scripts" / "train_mnist.py", *flags]), returncode=2)
    assert message in errors
