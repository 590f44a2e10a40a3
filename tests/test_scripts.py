"""The scripts, run as a user runs them: as programs, in a copy of the repository.

Most tests call the script in this process instead, because starting TensorFlow takes longer than
what they test.
"""

import argparse
import csv
import dataclasses
import gzip
import json
import os
import pty
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from saved_runs import write_digits

from tf_lstm.commands.plot import chosen_split
from tf_lstm.data.dataset import load_dataset
from tf_lstm.data.synthetic import render_digits
from tf_lstm.results.records import Reference, add_result
from tf_lstm.runs import locate
from tf_lstm.runs.locate import open_run
from tf_lstm.terminal.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[1]
# 45 training images and a smaller network make a training of seconds; 4 divides neither 45 nor 41.
SMALL = ("--epochs", "2", "--units", "7", "--batch-size", "4")


def write_idx(path, array, magic):
    shape = b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(gzip.compress(magic.to_bytes(4, "big") + shape + array.astype("u1").tobytes()))


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    for part, count in (("train", 45), ("t10k", 31)):
        images, labels = render_digits(count, seed=count)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images, 0x803)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels, 0x801)
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A copy of the repository, so that the user's runs and figures do not change."""
    copy = tmp_path_factory.mktemp("clone") / "repository"
    for folder in ("tf_lstm", "scripts"):
        shutil.copytree(REPOSITORY / folder, copy / folder)
    return copy


@pytest.fixture(scope="module")
def run_script(repository):
    def run(script, *flags, folder=repository, **environment):
        environment = {
            key: value for key, value in os.environ.items() if key != "MNIST_DIR"
        } | environment
        command = [sys.executable, repository / "scripts" / script, *flags]
        return subprocess.run(
            list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True
        )

    return run


@pytest.fixture
def call_script(monkeypatch, capfd, tmp_path):
    """Like `run_script`, in this process. Pass --output, because `figures/` is the user's here."""
    monkeypatch.setattr(locate, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(locate, "LATEST", tmp_path / "runs" / "latest")

    def call(script, *flags):
        monkeypatch.setattr(sys, "argv", list(map(str, (script, *flags))))
        end = SystemExit(0)
        try:
            runpy.run_path(str(REPOSITORY / "scripts" / script), run_name="__main__")
        except SystemExit as exit:
            end = exit
        output, errors = capfd.readouterr()
        return subprocess.CompletedProcess(sys.argv, int(end.code or 0), output, errors)

    return call


@pytest.fixture(scope="module")
def trained(run_script, repository, data_folder):
    """A short training: what it printed, and its run's folder."""
    result = run_script("train_mnist.py", *SMALL, MNIST_DIR=str(data_folder))
    assert result.returncode == 0, result.stderr
    return result, repository / "runs" / (repository / "runs" / "latest").read_text().strip()


def test_training_prints_the_data_the_variables_each_epoch_and_the_result(trained, data_folder):
    result, folder = trained
    assert result.stderr == ""
    assert f"{data_folder.name}/ (not MNIST)" in result.stdout
    assert "42 images to train on, 3 to validate, 31 to test" in result.stdout
    assert re.search(r"layers\[0\]\.kernel +7 × 28 +196\n", result.stdout)
    assert re.search(r"all +703\n", result.stdout)
    assert (
        len(re.findall(r"^epoch \d/2 .* train loss .* validation loss", result.stdout, re.M)) == 2
    )
    assert re.search(r"31 test images: loss \d+\.\d+, accuracy \d+\.\d+ %", result.stdout)
    assert f"saved in {folder.relative_to(folder.parents[1])}" in result.stdout
    assert "python scripts/plot_row_predictions.py" in result.stdout.splitlines()[-1]


def test_a_log_file_has_plain_lines(trained):
    assert not re.search(r"[\r\b\x1b]", trained[0].stdout)


def test_a_run_leaves_its_settings_history_checkpoints_and_curves(trained):
    folder = trained[1]
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["recipe"]["units"] == 7 and settings["data"]["train"] == 42
    with open(folder / "history.csv", newline="") as file:
        steps = [row["step"] for row in csv.DictReader(file)]
    assert steps == ["11", "22"]  # 42 images in batches of 4, the last one of 2
    assert (folder / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    for which in ("kept", "latest"):
        assert list((folder / "checkpoints" / which).glob("ckpt-*.index"))
    assert 0 <= json.loads((folder / "test_result.json").read_text())["accuracy"] <= 1


def test_plot_uses_the_newest_run_from_any_folder(trained, run_script, repository, tmp_path):
    result = run_script("plot_row_predictions.py", "--index", 3, folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    figure = repository / "figures" / "row_predictions.png"
    assert str(figure) in result.stdout and figure.read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.iterdir())


def test_a_plot_is_written_to_the_file_that_output_names(trained, call_script, tmp_path):
    result = call_script(
        *("plot_row_predictions.py", "--run", trained[1], "--split", "train", "--digit", 7),
        *("--output", tmp_path / "new" / "seven.svg"),
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "<svg" in (tmp_path / "new" / "seven.svg").read_text()


@pytest.mark.parametrize(
    "flag, name, start",
    [
        ("--depth", "row_depth.png", b"\x89PNG"),
        ("--diagram", "network.png", b"\x89PNG"),
        ("--animate", "row_predictions.gif", b"GIF89a"),
    ],
)
def test_other_figures_of_one_image_are_written(flag, name, start, trained, call_script, tmp_path):
    flags = ("--run", trained[1], "--index", 3, "--output", tmp_path / name)
    result = call_script("plot_row_predictions.py", *flags, flag)
    assert (result.returncode, result.stderr) == (0, "")
    assert str(tmp_path / name) in result.stdout
    assert (tmp_path / name).read_bytes().startswith(start)


def test_summary_of_all_test_images_and_two_runs(trained, call_script, tmp_path):
    shutil.copytree(trained[1], tmp_path / "second")
    output = tmp_path / "summary.svg"
    flags = ("--summary", "--compare", tmp_path / "second", "--output", output)
    result = call_script("plot_row_predictions.py", "--run", trained[1], *flags)
    assert (result.returncode, result.stderr) == (0, "")
    assert "31 test images" in result.stdout and "<svg" in output.read_text()
    with open(tmp_path / "summary" / "accuracy.csv", newline="") as file:
        last = {
            row["run"]: float(row["accuracy"])
            for row in csv.DictReader(file)
            if (row["digit"], row["row"]) == ("all", "28")
        }
    accuracy = json.loads((trained[1] / "test_result.json").read_text())["accuracy"]
    assert last == pytest.approx({trained[1].name: accuracy, "second": accuracy}, abs=1e-6)


def test_reference_networks_are_plotted_in_a_summary(trained, data_folder, call_script, tmp_path):
    table, output = tmp_path / "reference.csv", tmp_path / "summary.svg"
    add_result(table, Reference(load_dataset(data_folder).name, 7, 8, 0, 10, 0.5, 0.6))
    result = call_script(
        *("plot_row_predictions.py", "--run", trained[1]),
        *("--summary", "--reference", table, "--output", output),
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "convolutional" in output.read_text()


def test_your_own_picture_needs_no_data(trained, call_script, tmp_path):
    Image.fromarray(255 - render_digits(1, seed=0)[0][0]).save(tmp_path / "mine.png")
    image, output, no_data = tmp_path / "mine.png", tmp_path / "mine.svg", tmp_path / "none"
    flags = ("--run", trained[1], "--image", image, "--output", output, "--data", no_data)
    for kind in ((), ("--depth",)):
        result = call_script("plot_row_predictions.py", *flags, *kind)
        assert (result.returncode, result.stderr) == (0, "")
        assert "mine.png" in result.stdout and "<svg" in output.read_text()


@pytest.mark.parametrize("kind", [(), ("--depth",), ("--animate",)])
def test_the_prediction_of_an_image_is_printed(kind, trained, call_script, tmp_path):
    output = tmp_path / ("figure.gif" if kind == ("--animate",) else "figure.svg")
    Image.fromarray(255 - render_digits(1, seed=0)[0][0]).save(tmp_path / "mine.png")
    for image in (("--image", tmp_path / "mine.png"), ("--index", 3)):
        flags = ("--run", trained[1], *image, "--output", output)
        result = call_script("plot_row_predictions.py", *flags, *kind)
        assert (result.returncode, result.stderr) == (0, "")
        assert re.search(
            r": predicted class \d, confidence [01]\.\d\d, commit row \d+$", result.stdout, re.M
        )


def test_data_that_has_changed_since_the_training_must_be_named(trained, call_script, tmp_path):
    data, run = write_digits(tmp_path / "digits.npz", 60), tmp_path / "run"
    call_script("train_mnist.py", *SMALL, "--data", data, "--run", run)
    write_digits(data, 61)
    flags = ("--run", run, "--output", tmp_path / "figure.svg")
    for kind in ((), ("--summary",)):
        refused(call_script("plot_row_predictions.py", *flags, *kind), data, run, "--data")
        assert not (tmp_path / "figure.svg").exists()
    result = call_script("plot_row_predictions.py", *flags, "--data", data)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_figure_of_the_current_folder_s_run_names_the_folder(
    trained, call_script, tmp_path, monkeypatch
):
    monkeypatch.chdir(trained[1])
    flags = ("--run", ".", "--index", 3, "--output", tmp_path / "figure.svg")
    assert f"run {trained[1].name}: " in call_script("plot_row_predictions.py", *flags).stdout


def test_data_without_a_4_has_an_image_to_plot(trained, call_script, tmp_path):
    images, labels = render_digits(60, seed=2)
    images, labels = images[labels != 4], labels[labels != 4]
    data, output = tmp_path / "no_4.npz", tmp_path / "figure.svg"
    np.savez(data, x_train=images, y_train=labels, x_test=images, y_test=labels)
    flags = ("--run", trained[1], "--data", data, "--output", output)
    result = call_script("plot_row_predictions.py", *flags)
    assert (result.returncode, result.stderr) == (0, "") and "test image 0" in result.stdout
    refused(call_script("plot_row_predictions.py", *flags, "--digit", 4), "--digit")


def test_training_on_a_terminal_shows_its_progress(repository, data_folder, tmp_path):
    terminal, program_side = pty.openpty()
    script = repository / "scripts" / "train_mnist.py"
    program = subprocess.Popen(
        [sys.executable, script, *SMALL, "--data", data_folder, "--run", tmp_path / "run"],
        stdout=program_side,
        stderr=program_side,
    )
    os.close(program_side)
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # the program has ended and closed the terminal
        pass
    assert program.wait() == 0
    assert re.search(rb"\repoch 1/2 +100 %", shown)


def test_basic_prints_the_training_accuracy_every_50_steps(call_script, data_folder, tmp_path):
    flags = ("--recipe", "basic", "--units", 3, "--batch-size", 1, "--epochs", 3)
    data = ("--data", data_folder, "--run", tmp_path / "run")
    result = call_script("train_mnist.py", *flags, *data)
    assert (result.returncode, result.stderr) == (0, "")
    steps = re.findall(r"^step +(\d+)   accuracy on this batch", result.stdout, re.M)
    assert steps == ["0", "50", "100"]  # 3 epochs of 42 steps


def test_quiet_prints_only_the_result(call_script, data_folder, tmp_path):
    flags = ("--quiet", "--data", data_folder, "--run", tmp_path / "run")
    result = call_script("train_mnist.py", *SMALL, *flags)
    assert (result.returncode, result.stderr) == (0, "")
    assert "accuracy" in result.stdout and "epoch" not in result.stdout


@pytest.mark.parametrize(
    "script, flag",
    [
        ("train_mnist.py", "--run"),
        ("plot_row_predictions.py", "--run"),
        ("draw_digit.py", "--run"),
        ("reproduce_results.py", "--seeds"),
        ("make_figures.py", "--data"),
        ("benchmarks/epoch.py", "--rounds"),
        ("benchmarks/whole_command.py", "--rounds"),
        ("benchmarks/workers.py", "--rounds"),
        ("benchmarks/keras_controls.py", "--recipe"),
        ("benchmarks/reference_networks.py", "--epochs"),
        ("benchmarks/ensemble.py", "--output"),
        ("benchmarks/photos.py", "--kind"),
    ],
)
def test_help_does_not_import_tensorflow(script, flag, run_script, tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('imported TensorFlow')")
    result = run_script(script, "--help", PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    flags = re.findall(r"^  (--[a-z-]+)", result.stdout, re.M)
    assert flag in flags and result.stdout.count("(default:") == len(flags)


BAD_FLAGS = [
    ("train_mnist.py", ["--epoch-count", "3"], "--epoch-count"),
    ("train_mnist.py", ["--recipe", "wrong"], "--recipe"),
    ("train_mnist.py", ["--batch-size", "0"], "--batch-size"),
    ("train_mnist.py", ["--units", "-1"], "--units"),
    ("train_mnist.py", ["--units", "many"], "--units"),
    ("train_mnist.py", ["--learning-rate", "nan"], "--learning-rate"),
    ("train_mnist.py", ["--epochs", "1e9"], "--epochs"),
    ("train_mnist.py", ["--epochs", "1000000000"], "--epochs"),
    ("train_mnist.py", ["--seed", "-1"], "--seed"),
    ("train_mnist.py", ["--engine", "fast"], "--engine"),
    ("train_mnist.py", ["--overwrite"], "--run"),
    ("train_mnist.py", ["--resume", "--overwrite", "--run", "here"], "--run"),
    ("train_mnist.py", ["--resume", "--epochs", "3"], "--epochs"),
    ("train_mnist.py", ["--resume", "--set", "layers=2"], "--set"),
    ("train_mnist.py", ["--set", "optimizer=adm"], "optimizer is 'adm', not 'adam' or 'rmsprop'"),
    ("train_mnist.py", ["--set", "layers=0"], "layers is '0', not a whole number from 1 to 100"),
    ("train_mnist.py", ["--set", "dropout=nan"], "dropout is 'nan', not a number from 0"),
    ("train_mnist.py", ["--set", "unit=32"], "'unit=32' is not NAME=VALUE"),
    ("train_mnist.py", ["--set", "units"], "'units' is not NAME=VALUE"),
    ("train_mnist.py", ["--set", "bidirectional=true"], "set loss_rows to 'last'"),
    ("train_mnist.py", ["--set", "time_steps=27"], "time_steps is 27, which does not divide"),
    ("train_mnist.py", ["--strategy", "multi-worker", "--precision", "auto"], "--precision"),
    ("reproduce_results.py", ["--seeds", "0"], "--seeds"),
    ("reproduce_results.py", ["--output", "results.txt"], "--output"),
    ("reproduce_results.py", ["--recipe", "wrong"], "--recipe"),
    ("plot_row_predictions.py", ["--digit", "62"], "--digit"),
    ("plot_row_predictions.py", ["--index", "-1"], "--index"),
    ("plot_row_predictions.py", ["--index", "1", "--digit", "2"], "not allowed"),
    ("plot_row_predictions.py", ["--depth", "--summary"], "not allowed"),
    ("plot_row_predictions.py", ["--animate", "--show"], "--show"),
    ("plot_row_predictions.py", ["--summary", "--digit", "0"], "--digit"),
    ("plot_row_predictions.py", ["--depth", "--compare", "some_run"], "--compare"),
    ("plot_row_predictions.py", ["--reference", "some_file"], "--reference"),
    ("plot_row_predictions.py", ["--output", "figure.doc"], "figure.doc"),
    ("plot_row_predictions.py", ["--output", "figure.gif"], "figure.gif"),
    ("plot_row_predictions.py", ["--animate", "--output", "figure.png"], "figure.png"),
    ("benchmarks/epoch.py", ["--output", "table.json"], "table.json"),
]


@pytest.mark.parametrize("script, flags, named", BAD_FLAGS)
def test_wrong_flags_are_refused_without_tensorflow_and_nothing_is_created(
    script, flags, named, run_script, repository, tmp_path
):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('imported TensorFlow')")
    before = sorted(repository.glob("runs/*"))
    result = run_script(script, *flags, PYTHONPATH=str(tmp_path))
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.count("\n") == 1  # one sentence
    assert named in result.stderr.splitlines()[-1]
    assert sorted(repository.glob("runs/*")) == before


def test_any_setting_can_be_set_and_is_recorded(call_script, data_folder, tmp_path):
    settings = ("--set", "layers=2", "--set", "global_clipnorm=none", "--set", "optimizer=rmsprop")
    run = ("--quiet", "--data", data_folder, "--run", tmp_path / "run")
    result = call_script("train_mnist.py", *SMALL, *settings, *run)
    assert (result.returncode, result.stderr) == (0, "")
    recorded = json.loads((tmp_path / "run" / "settings.json").read_text())["recipe"]
    assert (recorded["layers"], recorded["units"]) == (2, 7)
    assert (recorded["global_clipnorm"], recorded["optimizer"]) == (None, "rmsprop")


def refused(result, *words):
    """Assert exit status 2 and one sentence that contains all of `words`."""
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr
    for word in words:
        assert str(word) in result.stderr


def test_bad_data_is_refused_in_one_sentence(run_script, repository, tmp_path):
    before = list((repository / "runs").glob("*"))
    refused(run_script("train_mnist.py", "--data", tmp_path / "none"), tmp_path / "none")
    assert list((repository / "runs").glob("*")) == before


def test_a_used_run_folder_is_refused(trained, call_script, data_folder):
    history = (trained[1] / "history.csv").read_bytes()
    flags = (*SMALL, "--data", data_folder, "--run", trained[1])
    refused(call_script("train_mnist.py", *flags), trained[1], "--run")
    assert (trained[1] / "history.csv").read_bytes() == history


@pytest.mark.parametrize(
    "changed, kind",
    [
        ({"time_steps": 14}, ()),
        ({"eval_row_order": "columns"}, ()),
        ({"layers": 2}, ("--diagram",)),
        ({"input_projection": False}, ("--diagram",)),
        ({"pad_columns": 14}, ("--diagram",)),
        ({"bidirectional": True, "loss_rows": "last"}, ("--diagram",)),
    ],
)
def test_plot_of_a_network_that_the_figure_cannot_show_is_refused(
    changed, kind, trained, call_script, tmp_path
):
    settings = open_run(trained[1]).settings
    recipe = dataclasses.replace(settings.recipe, **changed)
    text = dataclasses.replace(settings, recipe=recipe).to_json()
    (tmp_path / "settings.json").write_text(text)
    flags = ("--run", tmp_path, "--output", tmp_path / "figure.png", *kind)
    words = (tmp_path, "another run", *kind)
    refused(call_script("plot_row_predictions.py", *flags), *words)


def test_a_finished_run_is_not_resumed(trained, call_script):
    refused(call_script("train_mnist.py", "--resume", trained[1]), trained[1], "finished already")


def test_a_split_without_images_is_refused(data_folder):
    flags = argparse.Namespace(split="validation")
    with pytest.raises(UserError, match="no validation images: choose another --split"):
        chosen_split(flags, load_dataset(data_folder, validation=False))


REFUSED_BY_PLOT = [
    (["--index", "31"], "--index 31"),
    (["--run", "NEW"], "NEW"),
    (["--image", "NEW/none.png"], "NEW/none.png"),
    (["--summary", "--split", "train", "--compare", "NEW"], "NEW"),
    (["--summary", "--compare", "RUN"], "same name"),
    (["--gates", "--layer", "2"], "--layer 2"),
]


@pytest.mark.parametrize("flags, named", REFUSED_BY_PLOT)
def test_plot_of_missing_data_is_refused_and_nothing_is_created(
    flags, named, trained, call_script, tmp_path
):
    new = tmp_path / "new"
    flags = [flag.replace("NEW", str(new)).replace("RUN", str(trained[1])) for flag in flags]
    run = [] if "--run" in flags else ["--run", trained[1]]
    output = [] if "--output" in flags else ["--output", new / "figure.png"]
    result = call_script("plot_row_predictions.py", *flags, *run, *output)
    refused(result, named.replace("NEW", str(new)))
    assert not new.exists()
