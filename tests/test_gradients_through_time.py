"""The benchmark that measures the gradient at every row, and its figure."""

import csv
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from saved_runs import write_digits

from tf_lstm.data.dataset import load_dataset
from tf_lstm.inside import gradients_through_time
from tf_lstm.plots.gradients import GradientNorm, gradients_figure
from tf_lstm.runs import locate
from tf_lstm.runs.locate import open_run

SCRIPT = Path(__file__).resolve().parents[1] / "scripts/benchmarks/gradients_through_time.py"


@pytest.fixture
def call(monkeypatch, capfd, tmp_path):
    """A function that runs the script, with runs in a temporary folder; its status and errors."""
    monkeypatch.setattr(locate, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(locate, "LATEST", tmp_path / "runs" / "latest")

    def call(*flags):
        monkeypatch.setattr(sys, "argv", list(map(str, (SCRIPT, *flags))))
        status = 0
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as exit:
            status = exit.code
        return status, capfd.readouterr().err

    return call


def norm(network="GRU", time_steps=28, seed=0, training="after", state="hidden", row=1, **values):
    quartiles = {"lower_quartile": 0.1, "median": 0.2, "upper_quartile": 0.3, "total": 0.4}
    return GradientNorm(network, time_steps, seed, training, state, row, **(quartiles | values))


def test_every_network_is_trained_once_and_measured(call, tmp_path):
    digits, figure = write_digits(tmp_path / "digits.npz", 60, 9), tmp_path / "figure.png"
    flags = ("--time-steps", 4, "--epochs", 1, "--data", digits, "--output", figure)
    assert call(*flags, "--cells", "rnn") == (0, "")
    folders = [*(tmp_path / "runs" / "gradients").iterdir()]
    saved = [(folder / "test_result.json").stat().st_mtime_ns for folder in folders]
    assert call(*flags, "--cells", "rnn", "lstm", "--forget-biases", 0, 3) == (0, "")
    assert saved == [(folder / "test_result.json").stat().st_mtime_ns for folder in folders]
    with open(figure.with_suffix(".csv"), encoding="utf-8") as file:
        lines = [*csv.DictReader(file)]
    names = {"simple RNN", "LSTM, forget bias 0", "LSTM, forget bias 3"}
    assert {line["network"] for line in lines} == names
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert all(name in figure.with_suffix(".md").read_text() for name in names)

    test, model = load_dataset(str(digits)).test, open_run(folders[0]).kept_model()
    (gradients,) = gradients_through_time(model, test.images, test.labels)
    norms = np.linalg.norm(gradients["hidden"], axis=2)
    ratios = np.median(norms / norms[:, -1:], axis=0)
    measured = [
        float(line["median"])
        for line in lines
        if (line["network"], line["training"]) == ("simple RNN", "after")
    ]
    np.testing.assert_allclose(measured, ratios, rtol=0.01)


@pytest.mark.slow
def test_an_unfinished_run_is_resumed(call, tmp_path):
    flags = ("--cells", "rnn", "--time-steps", 4, "--epochs", 1, "--output", tmp_path / "a.png")
    flags += ("--data", write_digits(tmp_path / "digits.npz", 60, 9))
    assert call(*flags) == (0, "")
    (folder,) = (tmp_path / "runs" / "gradients").iterdir()
    (folder / "test_result.json").unlink()
    assert call(*flags) == (0, "")
    assert open_run(folder).is_finished


@pytest.mark.slow
def test_a_run_on_other_data_is_not_used(call, tmp_path):
    flags = ("--cells", "rnn", "--time-steps", 4, "--epochs", 1, "--output", tmp_path / "a.png")
    assert call(*flags, "--data", write_digits(tmp_path / "one.npz", 60, 9)) == (0, "")
    status, errors = call(*flags, "--data", write_digits(tmp_path / "two.npz", 70, 9))
    assert status == 2 and str(tmp_path / "runs" / "gradients") in errors


def test_a_length_that_does_not_divide_an_image_is_refused(call):
    status, errors = call("--time-steps", 28, 30)
    assert (status, errors.count("\n")) == (2, 1) and "--time-steps" in errors


def test_the_figure_has_a_panel_for_each_length_before_and_after_training():
    norms = [
        norm(time_steps=time_steps, training=training, row=row)
        for time_steps in (112, 28)
        for training in ("before", "after")
        for row in range(1, time_steps + 1)
    ]
    panels = gradients_figure(norms, "", "").axes
    assert [len(axes.lines[0].get_xdata()) for axes in panels] == [28, 28, 112, 112]


def test_the_lines_are_geometric_means_over_seeds_of_the_hidden_state():
    norms = [
        norm(seed=0, median=0.01, total=1.0),
        norm(seed=1, median=1.0, total=4.0),
        norm(state="cell_state", median=7.0),
    ]
    _, axes = gradients_figure(norms, "", "").axes
    assert [line.get_ydata()[0] for line in axes.lines[:2]] == pytest.approx([0.1, 2])


def test_other_networks_have_colours_too():
    norms = [norm(network=network) for network in ("GRU", "peephole", "another")]
    _, axes = gradients_figure(norms, "", "").axes
    assert len({line.get_color() for line in axes.lines[:6]}) == 3
