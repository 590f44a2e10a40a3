"""The initial values of the projections and of the LSTM cells."""

from collections.abc import Iterator

import tensorflow as tf


def new_projection(
    inputs: int, outputs: int, initializer: str, seed: int, dtype: tf.DType
) -> tuple[tf.Variable, tf.Variable]:
    """The weights (inputs, outputs) and the biases (outputs,) of a projection."""
    if initializer == "normal":
        weights, bias = tf.keras.initializers.RandomNormal(stddev=1.0, seed=seed), 0.1
    elif initializer == "truncated_normal":
        weights, bias = tf.keras.initializers.TruncatedNormal(stddev=0.1, seed=seed), 0.1
    else:  # Glorot & Bengio 2010
        weights, bias = tf.keras.initializers.GlorotUniform(seed), 0.0
    biases = tf.fill((outputs,), tf.cast(bias, dtype))
    return tf.Variable(weights((inputs, outputs), dtype)), tf.Variable(biases)


def new_cell(
    features: int, units: int, initializer: str, seeds: Iterator[int], dtype: tf.DType
) -> tf.keras.layers.LSTMCell:
    """A built `LSTMCell` for inputs (batch, `features`); takes two of `seeds`."""
    initializers = tf.keras.initializers
    if initializer != "glorot":
        # BasicLSTMCell kept both kernels in one matrix (features + units, 4 * units) and used
        # Glorot's limits for that shape.
        limit = (6 / (features + units + 4 * units)) ** 0.5
        kernel = initializers.RandomUniform(-limit, limit, next(seeds))
        recurrent_kernel = initializers.RandomUniform(-limit, limit, next(seeds))
    else:
        kernel = initializers.GlorotUniform(next(seeds))
        recurrent_kernel = initializers.Orthogonal(seed=next(seeds))
    cell = tf.keras.layers.LSTMCell(
        units,
        kernel_initializer=kernel,
        recurrent_initializer=recurrent_kernel,
        unit_forget_bias=True,  # BasicLSTMCell's forget_bias=1.0, stored in the bias
        dtype=tf.as_dtype(dtype).name,
    )
    cell.build((None, features))
    return cell
