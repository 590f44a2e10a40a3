"""The folded engine computes what the unrolled cells compute, and so do its gradients."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.engines.build import build_model
from tf_lstm.engines.folded import FoldedLayer, fold
from tf_lstm.published_systems import BILSTM_30, KERAS_30, STACKED_32
from tf_lstm.recipes import DEFAULT

BATCH, TIME_STEPS, FEATURES, UNITS = 2, 3, 4, 5


def test_a_folded_projection_equals_two_products(random):
    rows = random.normal(size=(BATCH, FEATURES))
    weights, biases = random.normal(size=(FEATURES, UNITS)), random.normal(size=UNITS)
    kernel, bias = random.normal(size=(UNITS, 8)), random.normal(size=8)
    folded_kernel, folded_bias = fold(*map(tf.constant, (weights, biases, kernel, bias)))
    expected = (rows @ weights + biases) @ kernel + bias
    np.testing.assert_allclose(rows @ folded_kernel + folded_bias, expected)


@pytest.mark.parametrize(
    "recipe",
    [
        DEFAULT,
        KERAS_30,
        BILSTM_30,
        STACKED_32,
        replace(BILSTM_30, name="bidirectional, projected", input_projection=True),
    ],
    ids=lambda recipe: recipe.name,
)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-10)])
def test_both_engines_have_the_same_logits_and_gradients(recipe, dtype, tolerance, random):
    recipe = replace(recipe, units=UNITS)
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), dtype)
    results = []
    for engine in ("cell", "folded"):
        model = build_model(recipe, seed=1, engine=engine, dtype=tf.as_dtype(dtype))
        variables = list(model.variables_by_name.values())
        for variable in variables:  # the biases too, which are 0 at first
            generator = np.random.default_rng(variable.shape.num_elements())
            variable.assign(generator.normal(size=variable.shape) / 2)
        with tf.GradientTape() as tape:
            logits = model(rows)
            target = tf.reduce_sum(tf.square(logits - 1))
        gradients = tape.gradient(target, variables)
        results.append([logits, *map(tf.convert_to_tensor, gradients)])
    for cell, folded in zip(*results, strict=True):
        scale = np.abs(cell).max()
        np.testing.assert_allclose(folded / scale, cell / scale, atol=tolerance)


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
    recipe = replace(STACKED_32, units=UNITS, input_projection=True)
    model = build_model(recipe, engine="folded")
    assert all(isinstance(layer, FoldedLayer) for layer in model.layers)
    assert [layer.projection is not None for layer in model.layers] == [True, False, False]
