"""Unrolling and looping, with a step that only counts; layers in one direction and in both."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.cells import GRU, LSTM, RNN, HiddenState, KerasCell, LSTMState
from tf_lstm.engines.build import folded_engine
from tf_lstm.recurrence import (
    BidirectionalLayer,
    Layer,
    loop,
    read_in_loop,
    read_unrolled,
    unroll,
)

BATCH, TIME_STEPS, FEATURES, UNITS = 2, 3, 4, 5
BOTH = pytest.mark.parametrize("recur", [unroll, loop])


def count(time_step, state):
    """Adds 1 to `hidden` and the inputs' sum to `cell_state`; the output is neither."""
    hidden = state.hidden + 1
    cell_state = state.cell_state + tf.reduce_sum(time_step, axis=1, keepdims=True)
    return 10 * hidden, LSTMState(hidden, cell_state)


def counting_state(value):
    return LSTMState(*[tf.fill((BATCH, 1), tf.constant(value, tf.float64))] * 2)


@BOTH
@pytest.mark.parametrize("time_steps", [TIME_STEPS, 300])
def test_one_step_is_taken_for_each_time_step_in_order(recur, time_steps, random):
    inputs = random.normal(size=(BATCH, time_steps, FEATURES))
    outputs, state = recur(count, tf.constant(inputs), counting_state(0.0))
    counted = 10 * np.arange(1, time_steps + 1)
    np.testing.assert_array_equal(outputs[:, :, 0], [counted] * BATCH)
    np.testing.assert_array_equal(state.hidden[:, 0], [time_steps] * BATCH)
    np.testing.assert_allclose(state.cell_state[:, 0], inputs.sum(axis=(1, 2)))


@BOTH
def test_the_recurrence_starts_from_the_state_it_is_given(recur, random):
    inputs = tf.constant(random.normal(size=(BATCH, TIME_STEPS, FEATURES)))
    outputs, state = recur(count, inputs, counting_state(100.0))
    np.testing.assert_array_equal(outputs[:, 0, 0], [1010] * BATCH)
    np.testing.assert_allclose(state.cell_state[:, 0], 100 + inputs.numpy().sum(axis=(1, 2)))


@BOTH
@pytest.mark.parametrize("cell_type", [LSTM, GRU, RNN])
def test_two_halves_of_a_sequence_equal_the_whole(recur, cell_type, random):
    inputs = tf.constant(random.normal(size=(BATCH, TIME_STEPS, FEATURES)))
    cell = cell_type(FEATURES, UNITS, itertools.count(1), dtype=tf.float64)
    whole, last = recur(cell.step, inputs, cell.zero_state(BATCH))
    first, state = recur(cell.step, inputs[:, :2], cell.zero_state(BATCH))
    second, last_of_second = recur(cell.step, inputs[:, 2:], state)
    np.testing.assert_allclose(tf.concat([first, second], axis=1), whole, rtol=1e-12)
    for part, expected in zip(last_of_second, last, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-12)


def test_a_state_of_another_kind_needs_no_other_recurrence(random):
    inputs = tf.constant(random.normal(size=(BATCH, TIME_STEPS, 1)))

    def add(time_step, state):
        return time_step, HiddenState(state.hidden + time_step)

    for recur in (unroll, loop):
        outputs, state = recur(add, inputs, HiddenState(tf.zeros((BATCH, 1), tf.float64)))
        np.testing.assert_array_equal(outputs, inputs)
        np.testing.assert_allclose(state.hidden, inputs.numpy().sum(axis=1))


def test_an_unrolled_cell_traces_its_step_once_for_any_batch_size(random):
    cell = LSTM(FEATURES, UNITS, itertools.count(1))
    layer = Layer(cell, read_unrolled)
    traced = tf.function(
        layer.__call__, input_signature=[tf.TensorSpec((None, TIME_STEPS, FEATURES))]
    )
    for batch in (2, 7):
        assert traced(np.zeros((batch, TIME_STEPS, FEATURES), np.float32)).shape[0] == batch
    assert cell.traced_step.experimental_get_tracing_count() == 1


CASES = [
    (LSTM, tf.keras.layers.LSTM, True, read_unrolled),
    (LSTM, tf.keras.layers.LSTM, False, folded_engine(tf.float64).read),
    (GRU, tf.keras.layers.GRU, False, read_unrolled),
    (GRU, tf.keras.layers.GRU, True, read_in_loop),
    (RNN, tf.keras.layers.SimpleRNN, False, read_in_loop),
]


@pytest.mark.parametrize("last_only", [False, True])
@pytest.mark.parametrize("cell_type, keras_layer, keras, read", CASES)
def test_a_bidirectional_layer_equals_that_of_keras(
    cell_type, keras_layer, keras, read, last_only, random
):
    inputs = tf.constant(random.normal(size=(BATCH, TIME_STEPS, FEATURES)))
    seeds = itertools.count(1)
    new_cell = (lambda *args, **kw: KerasCell(cell_type, *args, **kw)) if keras else cell_type
    cells = [new_cell(FEATURES, UNITS, seeds, dtype=tf.float64) for _ in range(2)]
    layer = BidirectionalLayer(*cells, read, last_only)
    variables = list(layer.variables_by_name.values())
    for variable in variables:
        variable.assign(random.normal(size=variable.shape))
    theirs = tf.keras.layers.Bidirectional(
        keras_layer(UNITS, return_sequences=not last_only, dtype="float64"), dtype="float64"
    )
    theirs.build((None, TIME_STEPS, FEATURES))
    theirs.set_weights([variable.numpy() for variable in variables])
    keras_variables = [variable.value for variable in theirs.trainable_variables]

    compared = []
    for read_both, trained in ((layer, variables), (theirs, keras_variables)):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = tf.reshape(read_both(inputs), (BATCH, -1, 2 * UNITS))
            target = tf.reduce_sum(tf.sin(outputs))
        gradients = tape.gradient(target, [inputs, *trained])
        compared.append([outputs, *map(tf.convert_to_tensor, gradients)])
    assert compared[0][0].shape == (BATCH, 1 if last_only else TIME_STEPS, 2 * UNITS)
    for ours, expected in zip(*compared, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-10)
