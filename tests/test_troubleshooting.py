"""Errors of TensorFlow that the troubleshooting table names still occur as it says."""

import numpy as np
import pytest
import tensorflow as tf


@pytest.mark.parametrize("name", ["placeholder", "contrib", "rnn_cell"])
def test_names_of_tensorflow_1_are_gone(name):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
        getattr(tf, name)


def test_a_traced_function_cannot_create_variables_again():
    @tf.function
    def train_step(x):
        return tf.keras.layers.Dense(2)(x)

    message = "singleton tf.Variables|tried to create variables on non-first call"
    with pytest.raises(ValueError, match=message):
        train_step(tf.ones((1, 3)))


def test_dropout_within_a_traced_cell_leaks_its_mask():
    cell = tf.keras.layers.LSTMCell(4, dropout=0.5)
    cell.build((None, 3))
    state = [tf.zeros((2, 4)), tf.zeros((2, 4))]
    tf.function(lambda x: cell(x, state, training=True)[0])(tf.ones((2, 3)))
    with pytest.raises(TypeError, match="out of scope"):
        cell(tf.ones((2, 3)), state, training=True)


def test_python_numbers_as_arguments_retrace_a_function():
    step = tf.function(lambda x: x + 1)
    for number in range(3):
        step(number)
    assert step.experimental_get_tracing_count() == 3
    for number in range(3):
        step(np.int32(number))  # an array of the same shape and type
    assert step.experimental_get_tracing_count() == 4
