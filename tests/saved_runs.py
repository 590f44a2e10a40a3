"""What a run has saved, to compare an interrupted training with an uninterrupted one."""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_lstm.data.synthetic import render_digits
from tf_lstm.runs.locate import open_run
from tf_lstm.runs.published import read_test_accuracies


def write_digits(path: Path, count: int, test_count: int = 90) -> Path:
    """Write synthetic digits as an npz file and return its path."""
    images, labels = render_digits(count, seed=9)
    test = {"x_test": images[:test_count], "y_test": labels[:test_count]}
    np.savez(path, x_train=images, y_train=labels, **test)
    return path


def saved_tensors(folder: Path, which: str) -> dict[str, np.ndarray]:
    checkpoints = open_run(folder).checkpoints(which)
    reader = tf.train.load_checkpoint(checkpoints.path(checkpoints.numbers[0]))
    names = [
        name
        for name in reader.get_variable_to_shape_map()
        if name.endswith(".ATTRIBUTES/VARIABLE_VALUE") and "save_counter" not in name
    ]
    return {name: reader.get_tensor(name) for name in names}


def saved_history(folder: Path) -> str:
    """The history as text, without the time that it took; text, because nan is not equal to nan."""
    history = open_run(folder).read_history()
    return repr([dataclasses.replace(metrics, seconds=0.0) for metrics in history])


def assert_same_run(folder: Path, expected: Path) -> None:
    """Two folders have the same checkpoints, bit for bit, the same history and test accuracies."""
    for which in ("latest", "kept"):
        tensors, expected_tensors = saved_tensors(folder, which), saved_tensors(expected, which)
        assert tensors.keys() == expected_tensors.keys()
        for name in tensors:
            np.testing.assert_array_equal(tensors[name], expected_tensors[name], err_msg=name)
    assert saved_history(folder) == saved_history(expected)
    assert read_test_accuracies(folder) == read_test_accuracies(expected)
    results = [path / "test_result.json" for path in (folder, expected)]
    assert results[0].read_bytes() == results[1].read_bytes()
