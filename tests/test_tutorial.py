"""The tutorial on one page: it runs, equals the package's default, and is quoted by the README."""

import dataclasses
import re
import runpy
import shutil
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import build_model
from tf_lstm.recipes import DEFAULT
from tf_lstm.rows import images_to_rows
from tf_lstm.train_step import Trainer, objective, row_losses

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "scripts" / "tutorial.py"


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """The tutorial's variables after it has run on 600 synthetic digits, in a copy."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "scripts").mkdir()
    (folder / "tf_lstm").symlink_to(REPOSITORY / "tf_lstm")
    page = shutil.copy(PAGE, folder / "scripts")
    (x_train, y_train), (x_test, y_test) = render_digits(600, seed=1), render_digits(31, seed=2)
    np.savez(folder / "digits.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_DIR", str(folder / "digits.npz"))
        matplotlib.use("Agg")
        return runpy.run_path(str(page)) | {"folder": folder}


@pytest.fixture(scope="module")
def package(tutorial):
    """The default recipe's trainer with the tutorial's weights."""
    model = build_model(DEFAULT)
    for key in ("in", "out"):
        model.weights[key].assign(tutorial["weights"][key])
        model.biases[key].assign(tutorial["biases"][key])
    cell = tutorial["cell"].trainable_variables
    for variable, value in zip(model.layers[0].variables_by_name.values(), cell, strict=True):
        variable.assign(value.value)
    return model


def test_it_writes_a_figure_and_predicts_every_row(tutorial):
    assert (tutorial["folder"] / "figures" / "tutorial.png").stat().st_size > 10_000
    np.testing.assert_allclose(tutorial["row_predictions"].sum(axis=1), np.ones(28), rtol=1e-5)


def test_its_steps_learn(tutorial):
    images, labels = tutorial["train_images"], tutorial["train_labels"]
    logits = tutorial["predict_logits"](images)
    assert tutorial["compute_loss"](logits, labels) < 4.4  # 2 * ln(10) = 4.6 when untrained


def test_its_logits_are_the_default_networks(tutorial, package):
    images = tutorial["test_images"][:5]
    np.testing.assert_allclose(
        tutorial["predict_logits"](images), package.row_logits(images), atol=1e-5
    )


def test_its_loss_and_gradients_are_the_default_networks(tutorial, package):
    images, labels = tutorial["train_images"][:7], tf.constant(tutorial["train_labels"][:7])
    with tf.GradientTape() as tape:
        loss = tutorial["compute_loss"](tutorial["predict_logits"](images), labels)
    named = {id(variable): variable for variable in tutorial["variables"]}
    page_gradients = dict(zip(named, tape.gradient(loss, tutorial["variables"]), strict=True))
    with tf.GradientTape() as tape:
        logits = package(images_to_rows(images, DEFAULT))
        expected_loss = tf.reduce_mean(objective(row_losses(logits, labels), DEFAULT.loss_rows))
    gradients = tape.gradient(expected_loss, list(package.variables_by_name.values()))
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-5)
    cell = [variable.value for variable in tutorial["cell"].trainable_variables]
    weights, biases = tutorial["weights"], tutorial["biases"]
    order = [weights["in"], biases["in"], *cell, weights["out"], biases["out"]]
    for variable, gradient in zip(order, gradients, strict=True):
        np.testing.assert_allclose(page_gradients[id(variable)], gradient, atol=2e-5)


def test_its_step_is_the_default_recipes(tutorial):
    recipe = dataclasses.replace(DEFAULT, epochs=tutorial["epochs"])
    assert (tutorial["units"], tutorial["batch_size"]) == (recipe.units, recipe.batch_size)
    images, labels = tutorial["train_images"], tutorial["train_labels"]
    trainer = Trainer(build_model(recipe), images, labels, total_steps=60)
    schedule = tutorial["schedule"].get_config()
    expected = trainer.optimizer._learning_rate.get_config()
    assert schedule["warmup_target"] == expected["warmup_target"]
    assert tutorial["optimizer"].epsilon == trainer.optimizer.epsilon


def test_it_is_one_page_without_classes_or_flags():
    text = PAGE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 130
    assert not re.search(r"^class |argparse|sys\.argv", text, re.M)
    assert re.findall(r"(?:from|import) tf_lstm.*$", text, re.M) == [
        "from tf_lstm.data.dataset import load_dataset"
    ]


def test_the_readme_quotes_it_word_for_word():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (quotation,) = re.findall(r"```python\n(# %%.*?)```", readme, re.S)
    assert quotation in PAGE.read_text(encoding="utf-8")
    assert 15 <= len(quotation.splitlines()) <= 40


def cell(title):
    """The code of the cell whose title begins with these words."""
    cells = PAGE.read_text(encoding="utf-8").split("\n# %% ")
    return next(f"# {each}" for each in cells if each.startswith(title))


@pytest.mark.parametrize("folder", [REPOSITORY, REPOSITORY / "scripts"])
def test_its_cells_find_the_package_in_an_editors_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", sys.path[:])
    names = {}
    exec(cell("Settings"), names)
    assert names["home"] == REPOSITORY


def test_the_loop_trains_new_variables_if_their_cell_is_run_again(tutorial):
    names = tutorial["predict_logits"].__globals__
    before = names.copy()
    try:
        for title in ("Variables", "The loop"):
            exec(cell(title), names)
        logits = names["predict_logits"](names["train_images"])
        assert names["weights"] is not before["weights"]
        assert names["compute_loss"](logits, names["train_labels"]) < 4.4
    finally:
        names.update(before)
