"""The folded engine computes what the unrolled cells compute, and so do its gradients."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from numpy_lstm import lstm

from tf_lstm import folded
from tf_lstm.model import RowClassifier
from tf_lstm.recipes import BILSTM_30, DEFAULT, KERAS_30, STACKED_32

BATCH, TIME_STEPS, FEATURES, UNITS = 2, 3, 4, 5


def test_a_folded_projection_gives_what_the_two_products_give(random):
    rows = random.normal(size=(BATCH, FEATURES))
    weights, biases = random.normal(size=(FEATURES, UNITS)), random.normal(size=UNITS)
    kernel, bias = random.normal(size=(UNITS, 8)), random.normal(size=8)
    folded_kernel, folded_bias = folded.fold(*map(tf.constant, (weights, biases, kernel, bias)))
    expected = (rows @ weights + biases) @ kernel + bias
    np.testing.assert_allclose(rows @ folded_kernel + folded_bias, expected)


def test_folded_rows_equal_the_equations(random):
    rows = random.normal(size=(BATCH, TIME_STEPS, FEATURES))
    shapes = (FEATURES, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,)
    variables = [random.normal(size=shape) for shape in shapes]
    hidden_states = folded.read_rows(*map(tf.constant, (rows, *variables)))
    np.testing.assert_allclose(hidden_states, lstm(rows, *variables), rtol=1e-12)


@pytest.mark.parametrize("recipe", [DEFAULT, KERAS_30, BILSTM_30, STACKED_32], ids=lambda r: r.name)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-10)])
def test_both_engines_have_the_same_logits_and_gradients(recipe, dtype, tolerance, random):
    recipe = replace(recipe, units=UNITS)
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), dtype)
    results = []
    for engine in ("cell", "folded"):
        model = RowClassifier(recipe, seed=1, engine=engine, dtype=tf.as_dtype(dtype))
        with tf.GradientTape() as tape:
            logits = model(rows)
            target = tf.reduce_sum(tf.square(logits - 1))
        gradients = tape.gradient(target, list(model.variables_by_name.values()))
        results.append([logits, *map(tf.convert_to_tensor, gradients)])
    for cell, fold in zip(*results, strict=True):
        scale = np.abs(cell).max()
        np.testing.assert_allclose(fold / scale, cell / scale, atol=tolerance)
