"""The unroll, with a cell that only counts; and the LSTM cell it is used with."""

import numpy as np
import pytest
import tensorflow as tf
from numpy_lstm import lstm

from tf_lstm.recurrent import loop, unroll, zero_state

BATCH, TIME_STEPS, FEATURES, UNITS = 2, 3, 4, 5


def counting_cell(inputs, states):
    """Adds 1 to the hidden state and the inputs' sum to the cell state; its output is neither."""
    hidden, cell_state = states
    hidden = hidden + 1
    cell_state = cell_state + tf.reduce_sum(inputs, axis=1, keepdims=True)
    return 10 * hidden, [hidden, cell_state]


def lstm_cell(units=UNITS):
    cell = tf.keras.layers.LSTMCell(units, dtype="float64", bias_initializer="uniform")
    cell.build((None, FEATURES))
    return cell


@pytest.fixture
def inputs(random):
    return tf.constant(random.normal(size=(BATCH, TIME_STEPS, FEATURES)))


def test_zero_state_is_a_pair_of_zeros_for_any_batch_size():
    @tf.function(input_signature=[tf.TensorSpec((), tf.int32)])
    def traced(batch_size):
        return zero_state(batch_size, UNITS)

    for batch_size in (1, 7):
        for state in traced(batch_size):
            np.testing.assert_array_equal(state, np.zeros((batch_size, UNITS), np.float32))


def test_unroll_calls_the_cell_once_for_each_time_step_in_order(inputs):
    outputs, hidden, cell_state = unroll(counting_cell, inputs, *zero_state(BATCH, 1, tf.float64))
    np.testing.assert_array_equal(outputs[:, :, 0], [[10, 20, 30]] * BATCH)
    np.testing.assert_array_equal(hidden[:, 0], [TIME_STEPS] * BATCH)
    np.testing.assert_allclose(cell_state[:, 0], tf.reduce_sum(inputs, axis=(1, 2)))


def test_unroll_begins_with_the_state_it_is_given(inputs):
    outputs, _, _ = unroll(counting_cell, inputs, tf.fill((BATCH, 1), 100.0), inputs[:, 0, :1])
    np.testing.assert_array_equal(outputs[:, 0, 0], [1010] * BATCH)


def test_a_loop_computes_what_the_unroll_does(inputs):
    cell, start = lstm_cell(), zero_state(BATCH, UNITS, tf.float64)

    def outputs_and_gradients(read):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            results = tf.function(read)(cell, inputs, *start)
        return *results, *tape.gradient(results, [inputs, *cell.trainable_variables])

    pairs = zip(outputs_and_gradients(loop), outputs_and_gradients(unroll), strict=True)
    for looped, unrolled in pairs:
        np.testing.assert_allclose(looped, unrolled, rtol=1e-12)


def test_a_long_sequence_is_read_in_a_loop(random):
    inputs = tf.constant(random.normal(size=(BATCH, 300, FEATURES)))
    outputs, hidden, cell_state = unroll(counting_cell, inputs, *zero_state(BATCH, 1, tf.float64))
    np.testing.assert_array_equal(outputs[:, :, 0], [np.arange(10, 3010, 10)] * BATCH)
    np.testing.assert_array_equal(hidden[:, 0], [300] * BATCH)
    np.testing.assert_allclose(cell_state[:, 0], tf.reduce_sum(inputs, axis=(1, 2)))


def test_unroll_in_two_halves_equals_one_unroll(inputs):
    cell = lstm_cell()
    whole, _, _ = unroll(cell, inputs, *zero_state(BATCH, UNITS, tf.float64))
    first, *state = unroll(cell, inputs[:, :2], *zero_state(BATCH, UNITS, tf.float64))
    second, _, _ = unroll(cell, inputs[:, 2:], *state)
    np.testing.assert_allclose(tf.concat([first, second], axis=1), whole, rtol=1e-12)


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "traced"])
def test_unrolled_lstm_cell_equals_the_equations(inputs, run):
    cell = lstm_cell()
    state = zero_state(BATCH, UNITS, tf.float64)
    hidden_states, hidden, _ = run(lambda inputs: unroll(cell, inputs, *state))(inputs)
    expected = lstm(inputs.numpy(), *(variable.numpy() for variable in cell.trainable_variables))
    np.testing.assert_allclose(hidden_states, expected, rtol=1e-10)
    np.testing.assert_allclose(hidden, expected[:, -1], rtol=1e-10)


def hidden_and_gradients(read, inputs, variables):
    """`read(inputs)`, and the gradients of a weighted sum of it by `variables` and `inputs`."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        hidden_states = read(inputs)
        weights = tf.reshape(tf.range(1, tf.size(hidden_states) + 1), tf.shape(hidden_states))
        target = tf.reduce_sum(tf.cast(weights, hidden_states.dtype) * hidden_states)
    return [hidden_states, *tape.gradient(target, [*variables, inputs])]


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "traced"])
def test_unrolled_lstm_cell_equals_the_keras_layer_with_gradients(inputs, run):
    cell = lstm_cell()
    layer = tf.keras.layers.LSTM(UNITS, return_sequences=True, dtype="float64")
    layer.build((None, TIME_STEPS, FEATURES))
    layer.set_weights([variable.numpy() for variable in cell.trainable_variables])
    state = zero_state(BATCH, UNITS, tf.float64)
    ours = run(
        lambda: hidden_and_gradients(
            lambda inputs: unroll(cell, inputs, *state)[0],
            inputs,
            [variable.value for variable in cell.trainable_variables],
        )
    )()
    keras = hidden_and_gradients(
        layer, inputs, [variable.value for variable in layer.trainable_variables]
    )
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
def float32_case(random):
    inputs = tf.constant(random.normal(size=(BATCH, TIME_STEPS, FEATURES)), tf.float32)
    cell = tf.keras.layers.LSTMCell(UNITS, bias_initializer="uniform")
    cell.build((None, FEATURES))
    variables = [variable.value for variable in cell.trainable_variables]
    return lambda inputs: unroll(cell, inputs, *zero_state(BATCH, UNITS))[0], inputs, variables


def test_unrolled_lstm_cell_equals_block_lstm_v2(float32_case):
    read, inputs, variables = float32_case
    expected = block_lstm(tf.raw_ops.BlockLSTMV2, inputs, variables)
    np.testing.assert_allclose(read(inputs), expected, rtol=1e-5, atol=1e-6)


def test_unrolled_lstm_cell_has_the_gradients_of_block_lstm(float32_case):
    # The gradient of BlockLSTMV2 confuses the gates' order (TensorFlow 2.21, CPU); that of the
    # first BlockLSTM is right. It has the gates in the order i c f o, and would clip at 3.
    read, inputs, variables = float32_case

    def read_with_block_lstm(inputs):
        reordered = []
        for variable in variables:
            i, f, g, o = tf.split(variable, 4, axis=-1)
            reordered.append(tf.concat([i, g, f, o], axis=-1))
        return block_lstm(tf.raw_ops.BlockLSTM, inputs, reordered, forget_bias=0.0, cell_clip=-1.0)

    ours = hidden_and_gradients(read, inputs, variables)
    block = hidden_and_gradients(read_with_block_lstm, inputs, variables)
    for our, other in zip(ours, block, strict=True):
        np.testing.assert_allclose(our, other, rtol=1e-5, atol=1e-5)
