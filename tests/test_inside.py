"""What is shown of a network is what the network computes."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from numpy_lstm import sigmoid

from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import build_model
from tf_lstm.inside import contributions, evidence, gates_and_states, importance, saliency
from tf_lstm.published_systems import BILSTM_30
from tf_lstm.recipes import DEFAULT

IMAGES, LABELS = render_digits(3, seed=4)
UNITS = 5


def new_model(engine="gates", dtype=tf.float64, **changes):
    """A network whose variables are all random."""
    recipe = replace(DEFAULT, units=UNITS, **changes)
    model = build_model(recipe, seed=2, engine=engine, dtype=dtype)
    for variable in model.variables_by_name.values():
        generator = np.random.default_rng(variable.shape.num_elements())
        variable.assign(generator.normal(size=variable.shape) / 2)
    return model


@pytest.mark.parametrize("engine", ["gates", "cell", "folded", "loop"])
def test_the_gates_and_states_of_an_lstm_follow_from_each_other(engine):
    (values,) = gates_and_states(new_model(engine), IMAGES)
    assert list(values) == ["i", "f", "g", "o", "hidden", "cell_state"]
    cell_state = np.zeros((3, UNITS))
    for row in range(28):
        i, f, g, o, hidden, now = (each[:, row] for each in values.values())
        cell_state = f * cell_state + i * g
        np.testing.assert_allclose(now, cell_state, rtol=1e-10)
        np.testing.assert_allclose(hidden, o * np.tanh(cell_state), rtol=1e-10)


def test_a_gate_is_the_sigmoid_of_its_columns():
    model = new_model()
    (values,) = gates_and_states(model, IMAGES)
    cell = model.layers[0].cell
    projected = IMAGES[:, 1] / 255 @ model.weights["in"].numpy() + model.biases["in"].numpy()
    sums = projected @ cell.kernel.numpy() + cell.bias.numpy()
    sums = sums + values["hidden"][:, 0] @ cell.recurrent_kernel.numpy()
    forget = slice(UNITS, 2 * UNITS)
    np.testing.assert_allclose(values["f"][:, 1], sigmoid(sums[:, forget]), rtol=1e-9)


@pytest.mark.parametrize("cell, names", [("gru", "zrg"), ("rnn", "")])
@pytest.mark.parametrize("engine", ["gates", "cell"])
def test_other_cells_have_their_own_gates(cell, names, engine):
    model = new_model(engine, cell=cell, layers=2)
    layers = gates_and_states(model, IMAGES)
    assert [list(values) for values in layers] == [[*names, "hidden"]] * 2
    assert all(each.shape == (3, 28, UNITS) for values in layers for each in values.values())


@pytest.mark.parametrize("changes", [{}, {"layers": 3, "input_projection": False}, {"cell": "gru"}])
def test_the_contributions_of_all_units_and_the_biases_are_the_logits(changes):
    model = new_model(**changes)
    total = contributions(model, IMAGES).sum(axis=2) + model.biases["out"].numpy()
    np.testing.assert_allclose(total, model.row_logits(IMAGES), rtol=1e-9, atol=1e-10)


def test_the_evidence_of_all_rows_is_the_final_log_probability():
    model = new_model()
    logs = tf.nn.log_softmax(model.row_logits(IMAGES)).numpy()
    rows = evidence(model, IMAGES)
    assert rows.shape == (3, 28, 10)
    np.testing.assert_allclose(rows.sum(axis=1), logs[:, -1], rtol=1e-10)
    np.testing.assert_allclose(rows[:, :7].sum(axis=1), logs[:, 6], rtol=1e-10)


@pytest.mark.parametrize("row", [9, 28])
def test_saliency_is_the_change_that_a_pixel_causes(row):
    model = new_model()
    gradient = saliency(model, IMAGES, row, LABELS)
    assert gradient.shape == IMAGES.shape and not gradient[:, row:].any()
    where = np.unravel_index(np.abs(gradient[0]).argmax(), (28, 28))
    changed = np.stack([IMAGES[0]] * 2).astype(int)
    changed[0][where], changed[1][where] = 128, 129  # of 255
    images = changed.astype(np.uint8)
    logs = tf.nn.log_softmax(model.row_logits(images)[:, row - 1]).numpy()[:, LABELS[0]]
    at_128 = saliency(model, images[:1], row, LABELS[:1])[0][where]
    assert 255 * (logs[1] - logs[0]) == pytest.approx(at_128, rel=0.01)


def test_a_row_matters_only_after_it_was_read():
    map_of_rows = importance(new_model(), IMAGES)
    assert map_of_rows.shape == (28, 28)
    assert not np.triu(map_of_rows, 1).any() and (np.diag(map_of_rows) > 0).all()


def test_a_bidirectional_network_is_refused():
    model = build_model(replace(BILSTM_30, units=UNITS))
    for function in (gates_and_states, contributions, evidence, importance):
        with pytest.raises(ValueError, match="bidirectional"):
            function(model, IMAGES)
