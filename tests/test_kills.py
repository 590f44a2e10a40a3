"""A real training, killed again and again at random moments, ends like one that was left alone."""

import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from worker_processes import configs
from worker_processes import start as start_process

from tf_lstm.drawn_digits import draw_digits
from tf_lstm.runs import open_run

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "train_mnist.py"
KILLS = 20


def start(*flags):
    return subprocess.Popen(
        [sys.executable, SCRIPT, "--quiet", *map(str, flags)], stdout=subprocess.DEVNULL
    )


def saved_tensors(folder):
    reader = tf.train.load_checkpoint(folder / "checkpoints" / "latest")
    names = [name for name in reader.get_variable_to_shape_map() if "save_counter" not in name]
    return {name: reader.get_tensor(name) for name in names}


def history(folder):
    rows = open_run(folder).read_history()
    return repr([{key: value for key, value in row.items() if key != "seconds"} for row in rows])


def wait_for_another_checkpoint(folder, process):
    """Wait until the process has got as far as to write a checkpoint of its own."""
    started = time.time()
    newest = folder / "checkpoints" / "latest" / "checkpoint"  # names the newest one
    while process.poll() is None and not (newest.exists() and newest.stat().st_mtime > started):
        time.sleep(0.02)


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path):
    images, labels = draw_digits(1200, seed=9)
    data = tmp_path / "digits.npz"
    np.savez(data, x_train=images, y_train=labels, x_test=images[:90], y_test=labels[:90])
    flags = ["--recipe", "best", "--units", 8, "--batch-size", 8, "--data", data]
    flags += ["--epochs", 60, "--engine", "folded"]
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert start(*flags, "--run", alone).wait() == 0

    # Any moment of an epoch: in a step, or in a checkpoint's write. However fast the machine, a
    # kill costs two epochs at most, so that the training is not over before the last one.
    epoch = statistics.median(row["seconds"] for row in open_run(alone).read_history())
    moments = random.Random(1)
    process = start(*flags, "--run", killed)
    for kill in range(KILLS):
        wait_for_another_checkpoint(killed, process)
        time.sleep(moments.uniform(0, epoch))
        assert process.poll() is None, f"it ended after {kill} kills: give it more epochs"
        process.kill()
        process.wait()
        process = start("--resume", killed)
    assert process.wait() == 0

    expected, got = saved_tensors(alone), saved_tensors(killed)
    assert expected.keys() == got.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)
    assert history(killed) == history(alone)
    results = [(folder / "test_result.json").read_bytes() for folder in (killed, alone)]
    assert results[0] == results[1]


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path):
    images, labels = draw_digits(600, seed=9)
    data = tmp_path / "digits.npz"
    np.savez(data, x_train=images, y_train=labels, x_test=images[:90], y_test=labels[:90])
    flags = [SCRIPT, "--data", data, "--strategy", "multi-worker", "--recipe", "best"]
    flags += ["--units", 8, "--batch-size", 8, "--epochs", 6]
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    workers = [start_process([*flags, "--run", alone], config) for config in configs()]
    assert [worker.wait() for worker in workers] == [0, 0]

    first, second = (start_process([*flags, "--run", killed], config) for config in configs())
    wait_for_another_checkpoint(killed, first)
    second.kill()
    _, errors = first.communicate()
    assert first.returncode == 2 and f"start all of them again with --resume {killed}" in errors

    workers = [start_process([SCRIPT, "--resume", killed], config) for config in configs()]
    assert [worker.wait() for worker in workers] == [0, 0]
    expected, got = saved_tensors(alone), saved_tensors(killed)
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)
    assert history(killed) == history(alone)
