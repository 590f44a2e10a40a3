"""The package used from Python: the lines of its page, in a thread, as some notebooks run them."""

import re
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from saved_runs import write_digits

from tf_lstm.data.dataset import load_dataset
from tf_lstm.recipes import DEFAULT
from tf_lstm.runs.locate import open_run
from tf_lstm.runs.training import train_run
from tf_lstm.terminal.exit import StopSignal

PAGE = Path(__file__).resolve().parents[1] / "tf_lstm" / "README.md"


def call_in_thread(function):
    """What a function raises in a thread that is not the main one, or None."""
    raised = [None]

    def call():
        try:
            function()
        except BaseException as error:
            raised[0] = error

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return raised[0]


@pytest.fixture
def lines():
    section = PAGE.read_text(encoding="utf-8").partition("## Use it from Python")[2]
    return re.findall(r"```python\n(.*?)```", section, re.S)


def test_six_lines_train_load_and_predict(lines, runs_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MNIST_DIR", str(write_digits(tmp_path / "digits.npz", 120)))
    names = {}
    assert call_in_thread(lambda: exec(lines[0], names)) is None
    assert len([line for line in lines[0].splitlines() if line]) == 6
    probabilities = names["probabilities"]
    assert probabilities.shape == (5, 28, 10)
    np.testing.assert_allclose(probabilities.sum(axis=2), 1, rtol=1e-5)
    assert names["run"].is_finished and open_run().folder == names["run"].folder
    printed = capsys.readouterr().out
    assert len(re.findall(r"^epoch \d/4 .*validation loss", printed, re.M)) == 4
    assert not re.search(r"[\r\b\x1b]", printed)
    exec(lines[1], names)  # looks inside
    assert names["layer"]["f"].shape == (5, 28, 128)


def test_a_run_keeps_the_precision_that_was_faster(runs_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tf_lstm.engines.precision.bfloat16_ratio", lambda recipe: 0.7)
    recipe = replace(DEFAULT, time_steps=4, units=3, epochs=1)
    dataset = load_dataset(str(write_digits(tmp_path / "digits.npz", 36)))
    run = train_run(dataset, recipe, engine="folded", precision="auto", quiet=True)
    assert open_run(run.folder).settings.precision == "mixed_bfloat16"


def test_no_signal_is_expected_outside_the_main_thread():
    def wait():
        with StopSignal() as stop_signal:
            assert stop_signal.received is None

    assert call_in_thread(wait) is None
