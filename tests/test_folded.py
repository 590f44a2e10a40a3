"""The folded engine: its projection, its precision, and the cells that it refuses."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.cells import GRU, LSTM
from tf_lstm.engines import folded
from tf_lstm.engines.build import build_model
from tf_lstm.engines.folded import ProjectedRows, fold_projection, read_folded
from tf_lstm.recipes import DEFAULT

BATCH, TIME_STEPS, FEATURES, UNITS = 2, 3, 4, 5


def test_a_folded_projection_equals_two_products(random):
    rows = random.normal(size=(BATCH, FEATURES))
    weights, biases = random.normal(size=(FEATURES, UNITS)), random.normal(size=UNITS)
    kernel, bias = random.normal(size=(UNITS, 8)), random.normal(size=8)
    folded_kernel, folded_bias = fold_projection(*map(tf.constant, (weights, biases, kernel, bias)))
    expected = (rows @ weights + biases) @ kernel + bias
    np.testing.assert_allclose(rows @ folded_kernel + folded_bias, expected)


def test_mixed_precision_rounds_the_factors_of_products_only(random):
    """Logits and gradients differ from float32 by bfloat16's rounding, 2**-9 of each factor."""
    recipe = replace(DEFAULT, units=UNITS, layers=2)
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), tf.float32)
    results = []
    for precision in ("float32", "mixed_bfloat16"):
        model = build_model(recipe, seed=1, engine="folded", precision=precision)
        with tf.GradientTape() as tape:
            logits = model(rows)
            target = tf.reduce_sum(tf.square(logits - 1))
        results.append([logits, *tape.gradient(target, list(model.variables_by_name.values()))])
    for exact, mixed in zip(*results, strict=True):
        assert mixed.dtype == tf.float32
        difference = np.abs(mixed - exact).max() / np.abs(exact).max()
        assert 1e-5 < difference < 0.03


def test_the_first_layer_alone_includes_the_projection():
    model = build_model(replace(DEFAULT, units=UNITS, layers=2), engine="folded")
    rows = tf.zeros((BATCH, TIME_STEPS, 28))
    projected = model.engine.project_in(rows, model.weights["in"], model.biases["in"])
    assert isinstance(projected, ProjectedRows) and projected.rows is rows


@pytest.mark.parametrize("time_steps", [6, 7, 10])  # rounds of 3, 1 and 2 time steps
def test_a_long_sequence_is_read_in_rounds(time_steps, monkeypatch, random):
    """Outputs, state and gradients are those of the unrolled recurrence."""
    cell = LSTM(FEATURES, UNITS, itertools.count(1), dtype=tf.float64)
    inputs = tf.constant(random.normal(size=(BATCH, time_steps, FEATURES)))
    weights = random.normal(size=(BATCH, time_steps, UNITS))

    @tf.function
    def outputs_and_gradients():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs, state = read_folded(cell, inputs, tf.float64)
            target = tf.reduce_sum(outputs * weights) + tf.reduce_sum(state.cell_state)
        sources = [inputs, cell.kernel, cell.recurrent_kernel, cell.bias]
        return [outputs, *state, *tape.gradient(target, sources)]

    expected = outputs_and_gradients()
    monkeypatch.setattr(folded, "MAX_UNROLLED", 5)
    monkeypatch.setattr(folded, "STEPS_PER_ROUND", 4)
    outputs_and_gradients = tf.function(outputs_and_gradients.python_function)
    for value, same in zip(expected, outputs_and_gradients(), strict=True):
        np.testing.assert_allclose(value, same, atol=1e-12)


class OtherLSTM(LSTM):
    """The LSTM's shapes with other equations."""


@pytest.mark.parametrize("cell_type", [GRU, OtherLSTM])
def test_a_cell_with_other_equations_is_refused(cell_type):
    cell = cell_type(FEATURES, UNITS, itertools.count(1))
    with pytest.raises(ValueError, match=cell_type.__name__):
        read_folded(cell, tf.zeros((BATCH, TIME_STEPS, FEATURES)), tf.float32)
