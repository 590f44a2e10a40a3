"""What is shown of a network is what the network computes."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from numpy_lstm import sigmoid

from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import build_model
from tf_lstm.inside import (
    contributions,
    evidence,
    gates_and_states,
    gradients_through_time,
    importance,
    saliency,
)
from tf_lstm.published_systems import BILSTM_30
from tf_lstm.recipes import DEFAULT
from tf_lstm.recurrence import project, unroll
from tf_lstm.rows import images_to_rows

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


def losses_from(model, row, state):
    """The losses after the last row, if the state after a number of rows is `state`."""
    cell = model.layers[0].cell
    rows = images_to_rows(IMAGES, model.recipe, model.dtype)
    inputs = project(rows, model.weights["in"], model.biases["in"])[:, row:]
    _, last = unroll(cell.step, inputs, cell.state_type(**state))
    logits = last.hidden @ model.weights["out"] + model.biases["out"]
    return tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, logits).numpy()


@pytest.mark.parametrize("row", [5, 27])
@pytest.mark.parametrize(
    "cell, engine, part",
    [
        *itertools.product(["lstm"], ["gates", "cell", "folded"], ["hidden", "cell_state"]),
        *itertools.product(["gru", "rnn"], ["gates", "cell"], ["hidden"]),
    ],
)
def test_the_gradient_through_time_is_the_change_that_a_state_causes(cell, engine, part, row):
    model = new_model(engine, cell=cell)
    (values,) = gates_and_states(model, IMAGES)
    (gradients,) = gradients_through_time(model, IMAGES, LABELS)
    direction = np.random.default_rng(3).normal(size=(3, UNITS))

    def losses(step):
        state = {name: values[name][:, row - 1] for name in gradients}
        state[part] = state[part] + step * direction
        if part == "cell_state":  # the hidden state after the same row is computed from it
            state["hidden"] = values["o"][:, row - 1] * np.tanh(state["cell_state"])
        return losses_from(model, row, state)

    measured = (losses(1e-5) - losses(-1e-5)) / 2e-5
    computed = (gradients[part][:, row - 1] * direction).sum(axis=1)
    np.testing.assert_allclose(computed, measured, rtol=1e-5, atol=1e-10)


def test_the_gradient_of_a_simple_rnn_is_multiplied_by_a_jacobian_at_every_row():
    model = new_model(cell="rnn")
    hidden = gates_and_states(model, IMAGES)[0]["hidden"]
    (gradients,) = gradients_through_time(model, IMAGES, LABELS)
    logits = hidden[:, -1] @ model.weights["out"].numpy() + model.biases["out"].numpy()
    errors = tf.nn.softmax(logits).numpy() - np.eye(10)[LABELS]
    expected = errors @ model.weights["out"].numpy().T
    for row in reversed(range(28)):
        np.testing.assert_allclose(gradients["hidden"][:, row], expected, rtol=1e-9)
        recurrent_kernel = model.layers[0].cell.recurrent_kernel.numpy()
        expected = (expected * (1 - hidden[:, row] ** 2)) @ recurrent_kernel.T


def test_every_layer_has_gradients_through_time():
    layers = gradients_through_time(new_model(layers=2, time_steps=7), IMAGES, LABELS)
    assert [list(gradients) for gradients in layers] == [["hidden", "cell_state"]] * 2
    for gradients in layers:
        assert all(each.shape == (3, 7, UNITS) and each.all() for each in gradients.values())


def test_a_bidirectional_network_is_refused():
    model = build_model(replace(BILSTM_30, units=UNITS))
    for function in (gates_and_states, contributions, evidence, importance):
        with pytest.raises(ValueError, match="bidirectional"):
            function(model, IMAGES)
    with pytest.raises(ValueError, match="bidirectional"):
        gradients_through_time(model, IMAGES, LABELS)
