"""The network: its variables, its logits after every row, and their gradients."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from numpy_lstm import logits_after_every_row, mean_cross_entropy

from tf_lstm.model import RowClassifier
from tf_lstm.published_systems import BASIC, BILSTM_30, DEEP
from tf_lstm.recipes import DEFAULT
from tf_lstm.settings import CELLS
from tf_lstm.train_step import Trainer

BATCH, UNITS = 3, 5  # and 28 time steps of 28 features, and 10 classes


def new_model(recipe=DEFAULT, units=UNITS, **options):
    return RowClassifier(replace(recipe, units=units), **options)


@pytest.fixture
def rows(random):
    return random.random((BATCH, 28, 28))


@pytest.fixture
def images(random):
    return random.integers(0, 256, (7, 28, 28), np.uint8)


def values(model):
    return {name: variable.numpy() for name, variable in model.variables_by_name.items()}


def test_variables_have_the_published_shapes_and_number():
    shapes = {name: value.shape for name, value in values(RowClassifier(DEFAULT)).items()}
    assert shapes == {
        "weights['in']": (28, 128),
        "biases['in']": (128,),
        "layers[0].kernel": (128, 512),
        "layers[0].recurrent_kernel": (128, 512),
        "layers[0].bias": (512,),
        "weights['out']": (128, 10),
        "biases['out']": (10,),
    }
    assert sum(np.prod(shape) for shape in shapes.values()) == 136_586


def test_weights_and_biases_are_dictionaries_of_variables():
    model = new_model()
    for dictionary in (model.weights, model.biases):
        assert set(dictionary) == {"in", "out"}
        assert all(isinstance(variable, tf.Variable) for variable in dictionary.values())
    assert isinstance(model.layers[0].cell.keras_cell, tf.keras.layers.LSTMCell)


def test_normal_initial_values_are_those_of_the_tutorial():
    initial = values(RowClassifier(BASIC))
    for name in ("weights['in']", "weights['out']"):
        assert abs(initial[name].mean()) < 0.1 and abs(initial[name].std() - 1) < 0.1
    for name in ("biases['in']", "biases['out']"):
        np.testing.assert_array_equal(initial[name], np.float32(0.1))
    limit = np.sqrt(6 / (256 + 512))
    assert 0.99 * limit < np.abs(initial["layers[0].kernel"]).max() <= limit


@pytest.mark.parametrize("recipe", [DEFAULT, BASIC])
def test_forget_gates_start_open(recipe):
    forget_bias = np.repeat([0, 1, 0, 0], UNITS)
    np.testing.assert_array_equal(values(new_model(recipe))["layers[0].bias"], forget_bias)


def test_truncated_normal_initial_values_are_those_of_the_tutorials_sequel():
    initial = values(RowClassifier(DEEP))
    weights = initial["weights['out']"]
    # Within two standard deviations, so the standard deviation is 0.88 of 0.1.
    assert np.abs(weights).max() <= 0.2 and abs(weights.std() - 0.088) < 0.005
    np.testing.assert_array_equal(initial["biases['out']"], np.float32(0.1))
    for layer_index, inputs in enumerate((28, 256)):
        limit = np.sqrt(6 / (inputs + 256 + 1024))
        for name in ("kernel", "recurrent_kernel"):
            largest = np.abs(initial[f"layers[{layer_index}].{name}"]).max()
            assert 0.99 * limit < largest <= limit
    assert "weights['in']" not in initial


def test_the_seed_decides_the_initial_values():
    first, same, other = (values(new_model(seed=seed)) for seed in (1, 1, 2))
    for name in first:
        np.testing.assert_array_equal(first[name], same[name])
    for name in (
        "weights['in']",
        "weights['out']",
        "layers[0].kernel",
        "layers[0].recurrent_kernel",
    ):
        assert not np.allclose(first[name], other[name])


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "traced"])
def test_logits_equal_the_equations(rows, run):
    model = new_model(BASIC, dtype=tf.float64)
    logits = run(model.__call__)(tf.constant(rows))
    assert logits.shape == (BATCH, 28, 10)
    np.testing.assert_allclose(logits, logits_after_every_row(rows, values(model)), rtol=1e-9)


def test_logits_after_a_row_do_not_depend_on_the_rows_below(rows):
    model = new_model(dtype=tf.float64)
    changed = rows.copy()
    changed[:, 11:] = 0
    before, after = model(tf.constant(rows)), model(tf.constant(changed))
    np.testing.assert_array_equal(before[:, :11], after[:, :11])
    assert not np.allclose(before[:, 11:], after[:, 11:])


def test_logits_of_an_image_do_not_depend_on_the_batch(images):
    model = new_model()
    together = model.row_logits(images)
    for count in (1, 2):
        np.testing.assert_allclose(model.row_logits(images[:count]), together[:count], atol=1e-6)
    assert model.row_logits.experimental_get_tracing_count() == 1


def test_image_logits_are_those_after_the_last_row(images):
    model = new_model()
    assert model.image_logits(images).shape == (7, 10)
    expected = model.row_logits(images)[:, -1]
    np.testing.assert_allclose(model.image_logits(images), expected, atol=1e-6)


def test_gradients_equal_finite_differences(rows):
    model = new_model(BASIC, dtype=tf.float64)
    labels = np.array([3, 0, 9])
    with tf.GradientTape() as tape:
        logits = model(tf.constant(rows))[:, -1]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        loss = tf.reduce_mean(losses)
    names = list(model.variables_by_name)
    gradients = tape.gradient(loss, list(model.variables_by_name.values()))

    at = values(model)
    step = 1e-5
    for name, gradient in zip(names, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient).numpy()
        where = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        losses_nearby = []
        for sign in (1, -1):
            moved = {**at, name: at[name].copy()}
            moved[name][where] += sign * step
            logits = logits_after_every_row(rows, moved)
            losses_nearby.append(mean_cross_entropy(logits[:, -1], labels))
        difference = (losses_nearby[0] - losses_nearby[1]) / (2 * step)
        assert gradient[where] == pytest.approx(difference, rel=1e-6), name


@pytest.mark.parametrize(
    "cell, keras_layer", [("gru", tf.keras.layers.GRU), ("rnn", tf.keras.layers.SimpleRNN)]
)
def test_a_network_of_another_cell_equals_that_of_keras(cell, keras_layer, rows, images):
    model = RowClassifier(replace(DEFAULT, units=UNITS, layers=2, cell=cell))
    network = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(UNITS),
            keras_layer(UNITS, return_sequences=True),
            keras_layer(UNITS, return_sequences=True),
            tf.keras.layers.Dense(10),
        ]
    )
    network.build((None, 28, 28))
    network.set_weights(list(values(model).values()))
    rows = tf.constant(rows, tf.float32)
    np.testing.assert_allclose(model(rows), network(rows), rtol=1e-4, atol=1e-5)
    assert model.row_logits(images).shape == (7, 28, 10)


@pytest.mark.parametrize("cell", CELLS)
def test_every_variable_of_every_cell_is_trained(cell):
    recipe = replace(DEFAULT, units=UNITS, time_steps=7, cell=cell)
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)
    model = RowClassifier(recipe)
    before = values(model)
    trainer = Trainer(model, images, np.arange(4), total_steps=2)
    trainer.train_steps(np.arange(4, dtype=np.int32))
    for name, value in values(model).items():
        assert not np.array_equal(value, before[name]), name


def test_only_the_top_layer_of_a_bidirectional_network_returns_its_last_outputs_alone():
    model = RowClassifier(replace(BILSTM_30, units=UNITS, layers=3))
    assert [layer.last_only for layer in model.layers] == [False, False, True]
    assert not model.causal
