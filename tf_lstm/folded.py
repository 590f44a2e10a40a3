"""The same LSTM with less work: one smaller product a row.

A cell computes `inputs · kernel + hidden · recurrent_kernel + bias` row by row. Where the inputs
are themselves a projection of the rows, two matrices in a row are one:

    (rows · weights + biases) · kernel + bias
        = rows · (weights · kernel) + (biases · kernel + bias)

It is the same function of the same variables, exact but for rounding, and the gradients reach them
all. For 28 pixels and 128 units a row's products shrink from 28·128 + 2·128·512 multiplications to
28·512 + 128·512: 0.6 times as many. The rest is layout:

- Put side by side, (row, 1, hidden) times (kernel, bias, recurrent kernel) below one another is the
  whole sum in one product.
- Every matrix lies on its side, (units, batch) instead of (batch, units). Then each gate is a block
  of memory of its own, which can be taken apart without a copy.
- The backward pass is written by hand, since the gradient of the kernels is a sum over the rows of
  `readᵀ · gate gradients`: a few rows put side by side, that is one larger product.
"""

import tensorflow as tf

ROWS_PER_PRODUCT = 4  # more, and putting them side by side costs more than the product gains


def fold(weights, biases, kernel, bias):
    """Fold an input projection into a cell's kernel and bias.

    Args:
        weights, biases: (features, units) and (units,), the projection.
        kernel, bias: (units, 4 * units) and (4 * units,), the cell's.

    Returns:
        The folded kernel (features, 4 * units) and bias (4 * units,).
    """
    return weights @ kernel, tf.linalg.matvec(kernel, biases, transpose_a=True) + bias


def read_rows(rows, kernel, recurrent_kernel, bias):
    """All hidden states of an LSTM from a zero state.

    Args:
        rows: (batch, time steps, features).
        kernel, recurrent_kernel, bias: as `tf.keras.layers.LSTMCell` has them, gates i, f, c, o.

    Returns:
        (batch, time steps, units).
    """
    time_major = tf.transpose(rows, [1, 2, 0])  # (time steps, features, batch)
    ones = tf.ones_like(time_major[:, :1])  # the bias is the weight of a feature that is always 1
    columns = tf.concat([time_major, ones], axis=1)
    stacked_kernel = tf.concat([kernel, bias[tf.newaxis], recurrent_kernel], axis=0)
    return tf.transpose(recur(columns, stacked_kernel), [2, 0, 1])


@tf.custom_gradient
def recur(columns, stacked_kernel):
    """The recurrence alone.

    Args:
        columns: (time steps, features, batch), the inputs.
        stacked_kernel: (features + units, 4 * units), kernel, bias and recurrent kernel in a stack;
            the bias belongs to a feature that is always 1.

    Returns:
        (time steps, units, batch), the hidden states.
    """
    features = columns.shape[1]
    units = stacked_kernel.shape[1] // 4
    transposed_kernel = tf.transpose(stacked_kernel)
    hidden = cell_state = tf.zeros((units, tf.shape(columns)[2]), columns.dtype)
    read, remembered, hidden_states = [], [], []
    for column in tf.unstack(columns):  # each (features, batch)
        read.append(tf.concat([column, hidden], axis=0))
        before = cell_state
        # TensorFlow splits along the first axis without a copy.
        i_f, g, o = tf.split(transposed_kernel @ read[-1], [2 * units, units, units])
        i, f = tf.split(tf.sigmoid(i_f), 2)
        g, o = tf.tanh(g), tf.sigmoid(o)
        cell_state = f * before + i * g
        squashed = tf.tanh(cell_state)
        hidden = o * squashed
        remembered.append((i, f, g, o, before, squashed))
        hidden_states.append(hidden)

    def gradient(hidden_gradients):
        """Back through time; `d_x` is the gradient of the loss by `x`."""
        d_hidden = d_cell_state = tf.zeros_like(hidden)
        d_gates = []  # each (4 * units, batch), from the last row to the first
        for (i, f, g, o, before, squashed), d_output in zip(
            reversed(remembered), reversed(tf.unstack(hidden_gradients)), strict=True
        ):
            d_hidden += d_output
            # TanhGrad is dy * (1 - y * y), SigmoidGrad dy * y * (1 - y)
            d_cell_state += tf.raw_ops.TanhGrad(y=squashed, dy=d_hidden * o)
            d_gates.append(
                tf.concat(
                    [
                        tf.raw_ops.SigmoidGrad(y=i, dy=d_cell_state * g),
                        tf.raw_ops.SigmoidGrad(y=f, dy=d_cell_state * before),
                        tf.raw_ops.TanhGrad(y=g, dy=d_cell_state * i),
                        tf.raw_ops.SigmoidGrad(y=o, dy=d_hidden * squashed),
                    ],
                    axis=0,
                )
            )
            d_hidden = stacked_kernel[features:] @ d_gates[-1]
            d_cell_state *= f
        d_gates.reverse()
        d_kernel = tf.add_n(
            [
                tf.matmul(
                    tf.concat(read[first : first + ROWS_PER_PRODUCT], axis=1),
                    tf.concat(d_gates[first : first + ROWS_PER_PRODUCT], axis=1),
                    transpose_b=True,
                )
                for first in range(0, len(read), ROWS_PER_PRODUCT)
            ]
        )
        return tf.matmul(stacked_kernel[:features], tf.stack(d_gates)), d_kernel

    return tf.stack(hidden_states), gradient
