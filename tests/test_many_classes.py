"""Data of 26 classes trains, plots and exports like ten."""

import numpy as np
import pytest
from chromium import PROGRAM, Browser
from letters import LETTERS, render_letters, write_letters
from saved_runs import write_digits
from test_class_names import assert_all_within, texts_of

from tf_lstm.commands.export import export
from tf_lstm.commands.plot import load_run_data
from tf_lstm.data.dataset import load_dataset
from tf_lstm.engines.build import build_model
from tf_lstm.engines.names import ENGINES
from tf_lstm.evaluation import evaluate, row_predictions
from tf_lstm.plots.animation import save_animation
from tf_lstm.plots.depth import row_depth_figure
from tf_lstm.plots.network import network_figure
from tf_lstm.plots.row_predictions import Prediction, row_predictions_figure
from tf_lstm.plots.statistics import row_statistics
from tf_lstm.plots.summary import row_summary_figure
from tf_lstm.runs.locate import open_run
from tf_lstm.runs.training import train_run
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.progress import describe_classes

IMAGES, LABELS = render_letters(60, 3)
RECIPE = Recipe(units=16, epochs=2, batch_size=26)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("letters")
    dataset = load_dataset(write_letters(folder / "letters.npz"))
    return train_run(dataset, RECIPE, folder / "run", engine="folded", quiet=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_computes_any_number_of_classes(engine):
    model = build_model(RECIPE, engine=engine, num_classes=26)
    assert model.weights["out"].shape == (16, 26) and model.biases["out"].shape == (26,)
    assert len(evaluate(model, IMAGES, LABELS).accuracy_per_class) == 26
    assert len(evaluate(model, IMAGES[:0], LABELS[:0]).accuracy_per_class) == 26


def test_a_run_is_trained_and_opened_with_the_classes_of_its_data(run):
    opened = open_run(run.folder)
    assert "".join(opened.settings.data.class_names) == LETTERS
    assert len(opened.read_result().accuracy_per_class) == 26
    assert row_predictions(opened.kept_model("gates"), IMAGES[:3]).shape == (3, 28, 26)


def test_data_with_more_classes_than_the_network_is_refused(run, tmp_path):
    few = write_digits(tmp_path / "digits.npz", 120)
    digits = train_run(load_dataset(few), RECIPE, tmp_path / "run", quiet=True)
    letters = run.settings.data.source
    with pytest.raises(UserError, match=r"26 classes.*--data"):
        load_run_data(digits, letters)
    with pytest.raises(UserError, match=r"26 classes"):
        load_dataset(f"synthetic+{letters}")


@pytest.mark.parametrize("count", [2, 5, 12, 13, 26, 62])
def test_figures_of_any_number_of_classes(count, tmp_path):
    random = np.random.default_rng(count)
    probabilities = random.dirichlet(np.full(count, 0.2), (60, 28)).astype(np.float32)
    names = [chr(ord("A") + label) for label in range(count)]
    labels = LABELS % count
    prediction = Prediction(IMAGES[0], int(labels[0]), probabilities[0], "a title", names)
    for figure in (row_depth_figure(prediction), network_figure(prediction)):
        assert_all_within(figure)
    statistics = row_statistics(probabilities, labels)
    assert_all_within(
        row_summary_figure({"run": statistics}, "a title", ["all_and_last"], None, names)
    )
    grid = row_predictions_figure(prediction)
    assert_all_within(grid)
    assert ("ten most probable" in texts_of(grid)) == (count > 12)
    (panel,) = [axes for axes in grid.axes if axes.get_label() == "row 28"]
    shown = [text.get_text() for text in panel.get_xticklabels()]
    assert len(shown) == (10 if count > 12 else count) and names[prediction.label] in shown
    if count == 26:
        save_animation(prediction, tmp_path / "figure.gif")


def test_accuracies_of_many_classes_are_printed_ten_to_a_line():
    lines = describe_classes([0.5] * 26, LETTERS).splitlines()
    assert len(lines) == 6 and max(map(len, lines)) < 100


@pytest.mark.parametrize("name", ["model.npz", "model.savedmodel", "model.tflite"])
def test_a_run_is_exported(run, tmp_path, name):
    path = export(run, tmp_path / name)
    assert path.exists()


@pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")
def test_the_page_draws_all_classes_and_names_the_ten_most_probable(run, tmp_path):
    path = export(run, tmp_path / "page.html")
    expected = row_predictions(run.kept_model(), IMAGES[:2])
    with Browser(tmp_path) as browser:
        browser.open(path)
        pixels = IMAGES[:2].reshape(2, -1).tolist()
        np.testing.assert_allclose(browser.evaluate(f"{pixels}.map(predict)"), expected, atol=1e-4)
        browser.evaluate("draw([90, 60], [90, 220]), draw([90, 220], [190, 220]), update()")
        assert browser.evaluate("heat.width") == 26
        last = np.array(browser.evaluate("rows"))[-1]
        named = browser.evaluate("bars.map(([, , name]) => name.textContent)")
        assert named == [LETTERS[label] for label in np.argsort(-last, kind="stable")[:10]]
        assert browser.evaluate("document.body.scrollWidth <= innerWidth")
