"""Exports: the lines of their page predict what the network predicts, without this package."""

import contextlib
import re
import resource
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.data.dataset import Dataset, Split
from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import build_model
from tf_lstm.evaluation import Evaluation, row_predictions
from tf_lstm.export.archive import save_archive
from tf_lstm.export.page import save_page
from tf_lstm.export.saved_model import save_litert, save_saved_model
from tf_lstm.recipes import DEFAULT, RECIPES
from tf_lstm.runs.locate import create_run
from tf_lstm.runs.settings import RunSettings
from tf_lstm.runs.training import describe
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "tf_lstm" / "export" / "README.md").read_text(encoding="utf-8")
IMAGES, LABELS = render_digits(7, seed=1)
DATASET = Dataset("toy (not MNIST)", "nowhere", "abc", *[Split(IMAGES, LABELS)] * 3)


def new_run(folder, recipe, finished=True):
    """A run with initial values twice as large, so that its predictions differ between images."""
    model = build_model(recipe, seed=7)
    for variable in model.variables_by_name.values():
        variable.assign(2 * variable)
    settings = RunSettings(recipe, describe(DATASET), seed=7)
    with create_run(folder, settings, newest=False) as run:
        run.checkpoints("kept", variables=model.variables_by_name).save()
        if finished:
            run.write_result(Evaluation(0.5, 0.9, (0.9,) * 10, 7))
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return new_run(tmp_path_factory.mktemp("runs") / "toy", DEFAULT)


@pytest.fixture(scope="module")
def model(run):
    return run.kept_model()


@pytest.fixture
def small():
    """A smaller network, for files whose content does not matter."""
    return build_model(Recipe(units=6))


def lines_of(heading):
    """The Python lines below a heading of the page."""
    return re.search(rf"## {heading}\n.*?```python\n(.*?)```", PAGE, re.S)[1]


@pytest.fixture
def export(monkeypatch, capfd):
    """Call the script; returns its exit status and what it printed to standard error."""

    def call(*flags):
        script = str(REPOSITORY / "scripts" / "export_model.py")
        monkeypatch.setattr(sys, "argv", [script, *map(str, flags)])
        status = 0
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as exit:
            status = exit.code
        return status, capfd.readouterr().err

    return call


@pytest.mark.parametrize("name", ["model.npz", "MODEL.NPZ"])
def test_the_archive_holds_every_variable_under_its_name(name, model, tmp_path):
    save_archive(model, tmp_path / name)
    with np.load(tmp_path / name) as archive:
        assert archive.files == list(model.variables_by_name)
        for name, variable in model.variables_by_name.items():
            np.testing.assert_array_equal(archive[name], variable)


def test_the_page_s_numpy_lines_predict_row_by_row(model, tmp_path):
    save_archive(model, tmp_path / "model.npz")
    lines, names = lines_of("NumPy"), {}
    assert len([line for line in lines.splitlines() if line]) <= 15
    assert "tensorflow" not in lines
    exec(lines, names)
    with np.load(tmp_path / "model.npz") as archive:
        logits = [names["row_logits"](image, archive) for image in IMAGES]
    np.testing.assert_allclose(logits, model.row_logits(IMAGES), rtol=0, atol=1e-5)


def run_alone(lines, folder, images):
    """Run lines in a fresh process that cannot import this package; returns `by_row`."""
    np.save(folder / "images.npy", images)
    lines += "import sys\nassert not any('tf_lstm' in text for text in [*sys.modules, *sys.path])\n"
    command = [sys.executable, "-I", "-c", lines + "np.save('by_row.npy', by_row)"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, np.load(folder / "by_row.npy")


def test_the_page_s_saved_model_lines_predict_in_a_process_without_this_package(model, tmp_path):
    save_saved_model(model, tmp_path / "model.savedmodel")
    printed, by_row = run_alone(lines_of("SavedModel"), tmp_path, IMAGES)
    expected = row_predictions(model, IMAGES)
    np.testing.assert_allclose(by_row, expected, rtol=0, atol=1e-6)
    assert printed.startswith(str(expected[:, -1].argmax(axis=1)))
    signatures = tf.saved_model.load(str(tmp_path / "model.savedmodel")).signatures
    for count in (0, 1, 5):
        result = signatures["classify"](images=tf.constant(IMAGES[:count]))
        np.testing.assert_allclose(result["probabilities"], expected[:count, -1], rtol=0, atol=1e-6)


@pytest.mark.slow
def test_the_page_s_litert_lines_predict_in_a_process_without_this_package(model, tmp_path):
    save_litert(model, tmp_path / "model.tflite")
    assert (tmp_path / "model.tflite").stat().st_size > 546_000  # the weights are in it
    expected = row_predictions(model, IMAGES)
    for count in (1, 7):
        _, by_row = run_alone(lines_of("LiteRT"), tmp_path, IMAGES[:count])
        np.testing.assert_allclose(by_row, expected[:count], rtol=0, atol=1e-6)


@pytest.mark.parametrize("changes", [{"bidirectional": True}, {"layers": 2, "pixel_offset": 0.5}])
@pytest.mark.slow
def test_litert_predicts_what_other_networks_predict(changes, tmp_path):
    other = build_model(Recipe(units=5, loss_rows="last", **changes))
    save_litert(other, tmp_path / "model.tflite")
    interpreter = tf.lite.Interpreter(str(tmp_path / "model.tflite"))
    probabilities = interpreter.get_signature_runner()(images=IMAGES)["probabilities"]
    if probabilities.ndim == 3:
        probabilities = probabilities[:, -1]
    expected = tf.nn.softmax(other.image_logits(IMAGES))
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)


SAVE = {
    "npz": save_archive,
    "tflite": save_litert,
    "savedmodel": save_saved_model,
    "html": lambda model, path: save_page(model, path, "toy", tuple("0123456789")),
}


def files_in(path):
    """The content of a file, or of all files of a folder."""
    return {each.name: each.read_bytes() for each in (path, *path.rglob("*")) if each.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SAVE)
def test_exporting_twice_gives_the_same_bytes(suffix, run, tmp_path):
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    contents = []
    for path in paths:
        script = [sys.executable, REPOSITORY / "scripts" / "export_model.py", "--run", run.folder]
        subprocess.run([*script, "--output", path], check=True, capture_output=True)
        contents.append(list(files_in(path).items()))
    for (name, one), (_, other) in zip(*map(sorted, contents), strict=True):
        assert one == other or name == "fingerprint.pb"  # which holds a random number


@pytest.mark.parametrize("suffix", ["html", "npz", "tflite"])
def test_an_export_replaces_an_older_one(suffix, small, tmp_path):
    path = tmp_path / f"model.{suffix}"
    for _ in range(2):
        SAVE[suffix](small, path)
    assert [*tmp_path.iterdir()] == [path] and files_in(path)


@pytest.mark.parametrize("suffix", SAVE)
def test_a_name_that_the_system_refuses_is_named(suffix, small, tmp_path):
    path = tmp_path / f"{'n' * 300}.{suffix}"
    with pytest.raises(UserError) as mistake:
        SAVE[suffix](small, path)
    assert str(path) in str(mistake.value) and not [*tmp_path.iterdir()]


def test_an_existing_folder_is_left_alone(small, tmp_path):
    path = tmp_path / "mine.savedmodel"
    path.mkdir()
    (path / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="exists already: delete it"):
        save_saved_model(small, path)
    assert (path / "letter.txt").read_text() == "dear"


@contextlib.contextmanager
def disk_with(bytes_left):
    """No file can grow beyond this size, as on a disk that is nearly full."""
    _, largest = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, largest))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))


@pytest.mark.parametrize("bytes_left", [0, 2000])
@pytest.mark.parametrize("suffix", SAVE)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(suffix, bytes_left, small, tmp_path):
    path = tmp_path / f"model.{suffix}"
    with disk_with(bytes_left), pytest.raises(UserError, match="choose another path") as report:
        SAVE[suffix](small, path)
    assert str(path) in str(report.value) and "\n" not in str(report.value)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("output", ["model.onnx", "model"])
def test_an_unknown_suffix_is_refused(output, run, export, tmp_path):
    status, errors = export("--run", run.folder, "--output", tmp_path / output)
    assert status == 2 and errors.count("\n") == 1 and ".npz, .savedmodel or .tflite" in errors
    assert not [*tmp_path.iterdir()]


def test_an_unfinished_run_is_refused(export, tmp_path):
    unfinished = new_run(tmp_path / "half", Recipe(units=4), finished=False)
    status, errors = export("--run", unfinished.folder, "--output", tmp_path / "a.npz")
    assert status == 2 and errors.count("\n") == 1 and "is not finished" in errors
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize("name", ["reversed", "steps-56", "bilstm-30"])
def test_a_page_needs_a_run_that_reads_row_by_row(name, export, tmp_path):
    other = new_run(tmp_path / name, RECIPES[name])
    status, errors = export("--run", other.folder, "--output", tmp_path / "a.html")
    assert status == 2 and errors.count("\n") == 1 and "choose another run" in errors
    assert not (tmp_path / "a.html").exists()
    assert export("--run", other.folder, "--output", tmp_path / "a.npz") == (0, "")


def test_a_network_that_litert_cannot_hold_is_refused_with_the_converter_s_reason(tmp_path):
    shuffled = build_model(Recipe(units=4, eval_row_order="shuffled"))
    with pytest.raises(UserError, match=r"StatelessRandom\w+' op is neither") as report:
        save_litert(shuffled, tmp_path / "a.tflite")
    assert "\n" not in str(report.value) and len(str(report.value)) < 300
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("message", ["", "no space for tensors\nat line 2", "x " * 1000])
def test_any_failure_of_the_converter_is_one_sentence(message, small, tmp_path, monkeypatch):
    def fail():
        raise RuntimeError(message)

    converter = SimpleNamespace(convert=fail)
    monkeypatch.setattr(tf.lite.TFLiteConverter, "from_saved_model", lambda folder: converter)
    with pytest.raises(UserError) as report:
        save_litert(small, tmp_path / "a.tflite")
    assert (message.partition("\n")[0] or "RuntimeError")[:100] in str(report.value)
    assert "\n" not in str(report.value) and len(str(report.value)) < 300


def test_images_of_other_types_are_refused(small, tmp_path):
    """Except NumPy arrays by a SavedModel, which TensorFlow casts before the network sees them."""
    save_saved_model(small, tmp_path / "a.savedmodel")
    save_litert(small, tmp_path / "a.tflite")
    signatures = tf.saved_model.load(str(tmp_path / "a.savedmodel")).signatures
    lite = tf.lite.Interpreter(str(tmp_path / "a.tflite")).get_signature_runner("row_predictions")
    for images in (IMAGES / 255, IMAGES > 9):
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected to be a uint8 tensor"):
            signatures["classify"](images=tf.constant(images))
        with pytest.raises(ValueError, match="expected type UINT8"):
            lite(images=images)


def test_litert_refuses_an_empty_batch_and_works_on(small, tmp_path):
    save_litert(small, tmp_path / "a.tflite")
    lite = tf.lite.Interpreter(str(tmp_path / "a.tflite")).get_signature_runner("row_predictions")
    with pytest.raises(RuntimeError, match="NumElements"):
        lite(images=IMAGES[:0])
    assert lite(images=IMAGES)["probabilities"].shape == (7, 28, 10)


def test_a_path_with_characters_of_a_pattern_is_just_a_path(small, tmp_path):
    folder = tmp_path / "a[1]*?"
    folder.mkdir()
    for suffix, save in SAVE.items():
        save(small, folder / f"model.{suffix}")
    assert sorted(path.suffix[1:] for path in folder.iterdir()) == sorted(SAVE)


@pytest.mark.parametrize("here, place", [(".", "."), ("checkpoints", "..")])
def test_the_page_of_the_current_folder_has_the_folder_s_name(
    here, place, export, tmp_path, monkeypatch
):
    run = new_run(tmp_path / "toy", Recipe(units=4))
    monkeypatch.chdir(run.folder / here)
    assert export("--run", place) == (0, "")
    assert '"title": "toy, ' in (tmp_path / "toy.html").read_text(encoding="utf-8")


def test_without_an_output_the_page_is_beside_the_run_and_below_1_mb(run, export):
    assert export("--run", run.folder) == (0, "")
    page = run.folder.with_name("toy.html")
    assert 500_000 < page.stat().st_size < 1_000_000
    assert not re.search(r"https?:|src=|@import|url\(", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("display, opened", [("DISPLAY", True), ("DISPLAY", False), (None, None)])
def test_drawing_opens_the_page_or_names_it(display, opened, run, monkeypatch, capfd):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(variable, raising=False)
    if display:
        monkeypatch.setenv(display, ":0")
    addresses = []
    monkeypatch.setattr("webbrowser.open", lambda url: addresses.append(url) or opened)
    monkeypatch.setattr(sys, "argv", ["draw_digit.py", "--run", str(run.folder)])
    runpy.run_path(str(REPOSITORY / "scripts" / "draw_digit.py"), run_name="__main__")
    page = run.folder.with_name("toy.html")
    assert page.exists() and str(page) in capfd.readouterr().out
    assert addresses == ([page.as_uri()] if display else [])
