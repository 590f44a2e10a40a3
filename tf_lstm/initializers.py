"""The initial values of the projections and of the cells' kernels."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf


def new_projection(
    inputs: int, outputs: int, initializer: str, seed: int, dtype: tf.DType, key: str = "out"
) -> tuple[tf.Variable, tf.Variable]:
    """The weights (inputs, outputs) and the biases (outputs,) of a projection.

    The optimizer tells variables apart by their names, which end with `key`.
    """
    if initializer == "normal":
        initial, bias = tf.keras.initializers.RandomNormal(stddev=1.0, seed=seed), 0.1
    elif initializer == "truncated_normal":
        initial, bias = tf.keras.initializers.TruncatedNormal(stddev=0.1, seed=seed), 0.1
    else:  # Glorot & Bengio 2010
        initial, bias = tf.keras.initializers.GlorotUniform(seed), 0.0
    biases = tf.fill((outputs,), tf.cast(bias, dtype))
    weights = tf.Variable(initial((inputs, outputs), dtype), name=f"weights_{key}")
    return weights, tf.Variable(biases, name=f"biases_{key}")


def initial_kernels(
    features: int,
    units: int,
    blocks: int,
    initializer: str,
    seeds: Iterator[int],
    dtype: tf.DType,
) -> tuple[tf.Tensor, tf.Tensor]:
    """A kernel (features, blocks * units) and a recurrent kernel (units, blocks * units).

    Args:
        blocks: the number of gates and candidates, each with `units` columns.
        initializer: "glorot" for the defaults of Keras' cells, which are Glorot uniform and
            orthogonal; else the initial values of TensorFlow 1's BasicLSTMCell.
        seeds: an iterator over seeds, of which two are taken.
    """
    initializers = tf.keras.initializers
    if initializer == "glorot":
        kernel = initializers.GlorotUniform(next(seeds))
        recurrent_kernel = initializers.Orthogonal(seed=next(seeds))
    else:
        # BasicLSTMCell kept both kernels in one matrix (features + units, blocks * units) and used
        # Glorot's limits for that shape.
        limit = (6 / (features + units + blocks * units)) ** 0.5
        kernel = initializers.RandomUniform(-limit, limit, next(seeds))
        recurrent_kernel = initializers.RandomUniform(-limit, limit, next(seeds))
    columns = blocks * units
    return kernel((features, columns), dtype), recurrent_kernel((units, columns), dtype)


def chrono_bias(units: int, time_steps: int) -> np.ndarray:
    """Initial biases of the forget gate with which the units remember for different durations.

    With a bias of log(T), a forget gate is 1 - 1 / (T + 1), and the cell state decays to 1 / e in
    about T time steps. Tallec & Ollivier ("Can recurrent neural networks warp time?", 2018) sample
    T from U(1, time steps - 1); here, the units divide this interval evenly.

    Returns:
        (units,), ascending.
    """
    return np.log(np.linspace(1, max(1, time_steps - 1), units))
