"""The recurrence, with a step that only counts; and every LSTM layer against its references."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from numpy_lstm import lstm
from tf_lstm.engines.scan import ScanLayer
from tf_lstm.lstm import GatesLayer, LSTMLayer, LSTMState

from tf_lstm.engines.folded import FoldedLayer

BATCH, TIME_STEPS, FEATURES, UNITS = 2, 3, 4, 5
OTHER_LAYERS = [GatesLayer, ScanLayer, FoldedLayer]
EAGER_AND_TRACED = pytest.mark.parametrize(
    "run", [lambda f: f, tf.function], ids=["eager", "traced"]
)


class CountingLayer(LSTMLayer):
    """Adds 1 to the hidden state and the inputs' sum to the cell state; its output is neither."""

    def step(self, time_step, state):
        hidden = state.hidden + 1
        cell_state = state.cell_state + tf.reduce_sum(time_step, axis=1, keepdims=True)
        return 10 * hidden, LSTMState(hidden, cell_state)


def new_layer(layer_type=LSTMLayer, units=UNITS, dtype=tf.float64, seed=1):
    """A layer with random biases; the same seed gives the same variables in every class."""
    layer = layer_type(FEATURES, units, "glorot", itertools.count(seed), dtype)
    bias = layer.variables_by_name["bias"]
    bias.assign(np.random.default_rng(seed).normal(size=bias.shape))
    return layer


def variables(layer):
    return list(layer.variables_by_name.values())


@pytest.fixture
def inputs(random):
    return tf.constant(random.normal(size=(BATCH, TIME_STEPS, FEATURES)))


def test_the_zero_state_has_zeros_for_any_batch_size():
    traced = tf.function(new_layer().zero_state, input_signature=[tf.TensorSpec((), tf.int32)])
    for batch_size in (1, 7):
        hidden, cell_state = traced(batch_size)
        for part in (hidden, cell_state):
            np.testing.assert_array_equal(part, np.zeros((batch_size, UNITS)))


@pytest.mark.parametrize("time_steps", [TIME_STEPS, 300])
def test_a_layer_takes_one_step_for_each_time_step_in_order(time_steps, random):
    inputs = random.normal(size=(BATCH, time_steps, FEATURES))
    outputs, state = new_layer(CountingLayer, units=1)(tf.constant(inputs))
    counted = 10 * np.arange(1, time_steps + 1)
    np.testing.assert_array_equal(outputs[:, :, 0], [counted] * BATCH)
    np.testing.assert_array_equal(state.hidden[:, 0], [time_steps] * BATCH)
    np.testing.assert_allclose(state.cell_state[:, 0], inputs.sum(axis=(1, 2)))


def test_a_layer_starts_from_the_state_it_is_given(inputs):
    state = LSTMState(tf.fill((BATCH, 1), tf.constant(100.0, tf.float64)), inputs[:, 0, :1])
    outputs, last = new_layer(CountingLayer, units=1)(inputs, state)
    np.testing.assert_array_equal(outputs[:, 0, 0], [1010] * BATCH)
    expected = inputs[:, 0, 0] + tf.reduce_sum(inputs, axis=(1, 2))
    np.testing.assert_allclose(last.cell_state[:, 0], expected)


@pytest.mark.parametrize("layer_type", [LSTMLayer, GatesLayer, ScanLayer])
def test_two_halves_of_a_sequence_equal_the_whole(layer_type, inputs):
    layer = new_layer(layer_type)
    whole, last = layer(inputs)
    first, state = layer(inputs[:, :2])
    second, last_of_second = layer(inputs[:, 2:], state)
    np.testing.assert_allclose(tf.concat([first, second], axis=1), whole, rtol=1e-12)
    for part, expected in zip(last_of_second, last, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-12)


def test_a_folded_layer_refuses_a_state_other_than_zero(inputs):
    layer = new_layer(FoldedLayer)
    with pytest.raises(ValueError, match="starts from the zero state"):
        layer(inputs, layer.zero_state(BATCH))


@EAGER_AND_TRACED
@pytest.mark.parametrize("layer_type", [LSTMLayer, *OTHER_LAYERS])
def test_every_layer_equals_the_equations(layer_type, inputs, run):
    layer = new_layer(layer_type)
    outputs, last = run(layer.__call__)(inputs)
    values = (variable.numpy() for variable in variables(layer))
    expected, expected_cell_state = lstm(inputs.numpy(), *values)
    np.testing.assert_allclose(outputs, expected, rtol=1e-10)
    np.testing.assert_allclose(last.hidden, expected[:, -1], rtol=1e-10)
    np.testing.assert_allclose(last.cell_state, expected_cell_state, rtol=1e-10)


def weighted_sum(tensors):
    """A sum in which every number has another weight."""
    flat = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
    return tf.reduce_sum(flat * tf.cast(tf.range(1, tf.size(flat) + 1), flat.dtype))


def results_and_gradients(read, inputs, variables, of=None):
    """`read(inputs)` and its gradients; `of` names the only result that they are taken of."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        results = tf.nest.flatten(read(inputs))
        target = weighted_sum(results if of is None else [results[of]])
    gradients = tape.gradient(target, [*variables, inputs])
    return [*results, *map(tf.convert_to_tensor, gradients)]


@EAGER_AND_TRACED
@pytest.mark.parametrize("of", [None, 0, 1, 2], ids=["all", "outputs", "hidden", "cell_state"])
@pytest.mark.parametrize("layer_type", OTHER_LAYERS)
def test_every_layer_equals_the_one_of_keras_cells(layer_type, of, inputs, run):
    cell_layer, layer = new_layer(), new_layer(layer_type)
    expected, results = (
        run(lambda each: results_and_gradients(each, inputs, variables(each), of))(each)
        for each in (cell_layer, layer)
    )
    assert len(results) == 3 + 3 + 1
    for result, value in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, value, rtol=1e-10, atol=1e-10)


@EAGER_AND_TRACED
def test_a_layer_equals_the_keras_layer_with_gradients(inputs, run):
    layer = new_layer()
    keras_layer = tf.keras.layers.LSTM(
        UNITS, return_sequences=True, return_state=True, dtype="float64"
    )
    keras_layer.build((None, TIME_STEPS, FEATURES))
    keras_layer.set_weights([variable.numpy() for variable in variables(layer)])
    keras_variables = [variable.value for variable in keras_layer.trainable_variables]
    ours = run(lambda: results_and_gradients(layer, inputs, variables(layer)))()
    keras = results_and_gradients(keras_layer, inputs, keras_variables)
    for our, other in zip(ours, keras, strict=True):
        np.testing.assert_allclose(our, other, rtol=1e-9, atol=1e-12)


def block_lstm(operation, inputs, variables, **settings):
    """TensorFlow's own fused LSTM: float32 and time-major inside."""
    kernel, recurrent_kernel, bias = variables
    zeros, no_peephole = tf.zeros((inputs.shape[0], UNITS)), tf.zeros(UNITS)
    hidden_states = operation(
        seq_len_max=tf.constant(inputs.shape[1], tf.int64),
        x=tf.transpose(inputs, [1, 0, 2]),
        cs_prev=zeros,
        h_prev=zeros,
        w=tf.concat([kernel, recurrent_kernel], axis=0),
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        b=bias,
        **settings,
    ).h
    return tf.transpose(hidden_states, [1, 0, 2])


@pytest.fixture
def float32_case(inputs):
    layer = new_layer(dtype=tf.float32)
    return lambda inputs: layer(inputs)[0], tf.cast(inputs, tf.float32), variables(layer)


def test_a_layer_equals_block_lstm_v2(float32_case):
    read, inputs, variables = float32_case
    expected = block_lstm(tf.raw_ops.BlockLSTMV2, inputs, variables)
    np.testing.assert_allclose(read(inputs), expected, rtol=1e-5, atol=1e-6)


def test_a_layer_has_the_gradients_of_block_lstm(float32_case):
    # The gradient of BlockLSTMV2 confuses the gates' order (TensorFlow 2.21, CPU); that of the
    # first BlockLSTM is correct. It has the gates in the order i g f o, and would clip at 3.
    read, inputs, variables = float32_case

    def read_with_block_lstm(inputs):
        reordered = []
        for variable in variables:
            i, f, g, o = tf.split(variable, 4, axis=-1)
            reordered.append(tf.concat([i, g, f, o], axis=-1))
        return block_lstm(tf.raw_ops.BlockLSTM, inputs, reordered, forget_bias=0.0, cell_clip=-1.0)

    ours = results_and_gradients(read, inputs, variables)
    block = results_and_gradients(read_with_block_lstm, inputs, variables)
    for our, other in zip(ours, block, strict=True):
        np.testing.assert_allclose(our, other, rtol=1e-5, atol=1e-5)
