"""The figures of what goes on inside a network."""

import numpy as np
import pytest

from tf_lstm.commands.plot import plot_gates, plot_saliency
from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import build_model
from tf_lstm.evaluation import row_predictions
from tf_lstm.inside import contributions, evidence, gates_and_states
from tf_lstm.plots.row_predictions import Prediction
from tf_lstm.plots.saliency import ROWS
from tf_lstm.settings import Recipe

IMAGES, LABELS = render_digits(4, seed=7)


def panels(figure):
    return {axes.get_label(): axes for axes in figure.axes}


def predict(**changes):
    model = build_model(Recipe(units=6, **changes), seed=1)
    probabilities = row_predictions(model, IMAGES[:1])[0]
    return Prediction(IMAGES[0], int(LABELS[0]), probabilities, "a title"), model


@pytest.mark.parametrize(
    "cell, names",
    [
        ("lstm", ["i", "f", "g", "o", "hidden", "cell_state"]),
        ("gru", ["z", "r", "g", "hidden"]),
        ("rnn", ["hidden"]),
    ],
)
def test_every_gate_and_state_has_a_heat_map_with_sorted_units(cell, names):
    prediction, model = predict(cell=cell)
    figure = plot_gates(prediction, model, layer=None)
    shown = panels(figure)
    assert {"image", *names, "means", "evidence"} <= set(shown)
    first, rival = np.argsort(prediction.probabilities[-1])[:-3:-1]
    added = contributions(model, IMAGES[:1])[0, -1]
    order = np.argsort(added[:, first] - added[:, rival])
    (values,) = gates_and_states(model, IMAGES[:1])
    for name in names:
        np.testing.assert_array_equal(shown[name].images[0].get_array(), values[name][0][:, order])


def test_the_evidence_of_the_predicted_class_and_its_rival_is_plotted():
    prediction, model = predict()
    bars = panels(plot_gates(prediction, model, layer=None))["evidence"].containers
    classes = np.argsort(prediction.probabilities[-1])[:-3:-1]
    expected = evidence(model, IMAGES[:1])[0]
    for container, label in zip(bars, classes, strict=True):
        widths = [bar.get_width() for bar in container]
        np.testing.assert_allclose(widths, expected[:, label], rtol=1e-5)


def test_a_lower_layer_has_units_in_the_order_of_their_hidden_state():
    prediction, model = predict(layers=2)
    lower = panels(plot_gates(prediction, model, layer=1))["hidden"].images[0].get_array()
    assert (np.diff(lower[-1]) >= 0).all()


def test_saliency_has_a_picture_for_each_chosen_row_and_a_map():
    prediction, model = predict()
    figure = plot_saliency(prediction, model, IMAGES)
    pictures = [axes for axes in figure.axes if len(axes.images) == 2]
    assert len(pictures) == len(ROWS)
    assert not pictures[0].images[1].get_array()[ROWS[0] :].any()
