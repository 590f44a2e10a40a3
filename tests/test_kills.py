"""A real training, killed again and again at random moments, ends like one that was left alone."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

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


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path):
    images, labels = draw_digits(1200, seed=9)
    data = tmp_path / "digits.npz"
    np.savez(data, x_train=images, y_train=labels, x_test=images[:90], y_test=labels[:90])
    flags = ("--recipe", "best", "--units", 8, "--batch-size", 8, "--data", data)
    flags = (*flags, "--epochs", 60, "--engine", "folded")
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert start(*flags, "--run", alone).wait() == 0

    moments = random.Random(1)
    process = start(*flags, "--run", killed)
    kills = 0
    while kills < KILLS:
        newest = len(list(killed.glob("checkpoints/latest/*.index")))
        # From the moment that it writes checkpoints, any moment may be in the middle of one.
        while process.poll() is None and not newest:
            time.sleep(0.01)
            newest = len(list(killed.glob("checkpoints/latest/*.index")))
        time.sleep(moments.uniform(4, 9))
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
        process = start("--resume", killed)
    assert process.wait() == 0
    assert kills == KILLS, f"the training ended after {kills} kills: give it more epochs"

    expected, got = saved_tensors(alone), saved_tensors(killed)
    assert expected.keys() == got.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)
    assert history(killed) == history(alone)
    for file in ("test_result.json",):
        assert (killed / file).read_bytes() == (alone / file).read_bytes()
