"""A cell from outside the package works everywhere: training, resuming, plots and exports."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from peephole import PeepholeLSTM
from saved_runs import assert_same_run, write_digits

from tf_lstm.data.dataset import load_dataset
from tf_lstm.evaluation import row_predictions
from tf_lstm.export.archive import save_archive
from tf_lstm.export.page import save_page
from tf_lstm.export.saved_model import save_litert, save_saved_model
from tf_lstm.runs import session
from tf_lstm.runs.locate import open_run
from tf_lstm.runs.training import resume_run, train_run
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.train_step import Trainer

RECIPE = Recipe(cell="peephole", units=6, batch_size=16, epochs=2, optimizer="muon")


class Crash(Exception):
    pass


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return load_dataset(write_digits(tmp_path_factory.mktemp("data") / "digits.npz", 120, 40))


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    return train_run(dataset, RECIPE, tmp_path_factory.mktemp("runs") / "run", quiet=True)


def probabilities_in_numpy(model, image):
    """The network, written from its equations; `model` has its variables by name."""

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    names = ("kernel", "recurrent_kernel", "bias", "see_i", "see_f", "see_o")
    kernel, recurrent_kernel, bias, see_i, see_f, see_o = (
        model[f"layers[0].{name}"] for name in names
    )
    hidden = cell_state = np.zeros(RECIPE.units)
    probabilities = []
    for row in image / 255:
        projected = row @ model["weights['in']"] + model["biases['in']"]
        i, f, g, o = np.split(projected @ kernel + hidden @ recurrent_kernel + bias, 4)
        i, f = sigmoid(i + see_i * cell_state), sigmoid(f + see_f * cell_state)
        cell_state = f * cell_state + i * np.tanh(g)
        hidden = sigmoid(o + see_o * cell_state) * np.tanh(cell_state)
        powers = np.exp(hidden @ model["weights['out']"] + model["biases['out']"])
        probabilities.append(powers / powers.sum())
    return np.array(probabilities)


def test_it_takes_at_most_30_lines():
    text = (Path(__file__).parent / "peephole.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 30


def test_the_page_about_new_cells_shows_exactly_this_file():
    text = (Path(__file__).parent / "peephole.py").read_text(encoding="utf-8")
    page = (Path(__file__).parents[1] / "tf_lstm" / "DESIGN.md").read_text(encoding="utf-8")
    assert f"```python\n{text}```" in page


def test_its_peepholes_are_trained(run):
    cell = run.kept_model().layers[0].cell
    assert type(cell) is PeepholeLSTM
    for peepholes in (cell.see_i, cell.see_f, cell.see_o):
        assert np.all(peepholes != 0)


def test_a_killed_training_ends_the_same_when_it_is_resumed(run, dataset, tmp_path, monkeypatch):
    original = Trainer.train_steps
    monkeypatch.setattr(session, "SECONDS_PER_CHECKPOINT", 0)

    def crash(self, order):
        if self.step >= 7:
            raise Crash
        return original.__get__(self, Trainer)(order)

    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(Trainer, "train_steps", crash)
        train_run(dataset, RECIPE, tmp_path / "run", quiet=True)
    resume_run(tmp_path / "run", quiet=True)
    assert_same_run(tmp_path / "run", run.folder)


def test_it_predicts_the_same_in_python_numpy_savedmodel_and_litert(run, dataset, tmp_path):
    images = dataset.test.images[:4]
    model = open_run(run.folder).kept_model()
    expected = row_predictions(model, images)
    save_archive(model, tmp_path / "network.npz")
    arrays = np.load(tmp_path / "network.npz")
    for image, probabilities in zip(images, expected, strict=True):
        np.testing.assert_allclose(probabilities_in_numpy(arrays, image), probabilities, atol=1e-5)
    save_saved_model(model, tmp_path / "network.savedmodel")
    loaded = tf.saved_model.load(tmp_path / "network.savedmodel")
    predicted = loaded.signatures["row_predictions"](images=tf.constant(images))
    np.testing.assert_allclose(predicted["probabilities"], expected, atol=1e-5)
    save_litert(model, tmp_path / "network.tflite")
    interpreter = tf.lite.Interpreter(str(tmp_path / "network.tflite"))
    predicted = interpreter.get_signature_runner("row_predictions")(images=images)
    np.testing.assert_allclose(predicted["probabilities"], expected, atol=1e-5)


def test_the_page_for_the_browser_refuses_it(run, tmp_path):
    with pytest.raises(UserError, match="peephole"):
        save_page(run.kept_model(), tmp_path / "page.html", "title", "0123456789")
    assert not (tmp_path / "page.html").exists()
