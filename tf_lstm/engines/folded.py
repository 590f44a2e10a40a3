"""The same LSTM with less work: one smaller matrix product per time step.

A cell computes `inputs · kernel + hidden · recurrent_kernel + bias`. If the inputs are a
projection of the rows, the two matrices can be replaced by their product:

    (rows · weights['in'] + biases['in']) · kernel + bias
        = rows · (weights['in'] · kernel) + (biases['in'] · kernel + bias)

This is the same function of the same variables, up to rounding, and gradients reach all of them.
With 28 features and 128 units, the multiplications per time step fall by 41 %, from
28·128 + 2·128·512 to 28·512 + 128·512. Three more changes save time:

- The concatenation (row, 1, hidden) times the stack (kernel, bias, recurrent kernel) is the whole
  sum in one product.
- Every matrix is transposed, (units, batch) instead of (batch, units). Then each gate is a
  contiguous block of memory, which can be split off without a copy.
- The backward pass is written by hand. The gradient of the kernels is a sum of
  `inputsᵀ · gate gradients` over the time steps; one larger product sums several terms.

In mixed precision, the operands of these products are bfloat16. Variables, gates, states, sums of
gradients and the optimizer stay float32, whereas Keras' policy "mixed_bfloat16" computes the gates
in bfloat16 too.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tf_lstm.cells import LSTM, Cell, LSTMState
from tf_lstm.engines.names import MAX_UNROLLED

STEPS_PER_PRODUCT = 4  # with more, concatenation costs more than the larger product saves
# Time steps per round of the loop over a longer sequence. Shorter rounds are not faster, and the
# graph of a longer one takes longer to trace.
STEPS_PER_ROUND = 28


def fold_projection(
    weights: tf.Tensor, biases: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Fold a projection into the kernel and the bias of the cell that follows it.

    Args:
        weights, biases: (features, units) and (units,), the projection.
        kernel, bias: (units, 4 * units) and (4 * units,), the cell's.

    Returns:
        The folded kernel (features, 4 * units) and bias (4 * units,).
    """
    return weights @ kernel, tf.linalg.matvec(kernel, biases, transpose_a=True) + bias


class ProjectedRows(NamedTuple):
    """Rows and the projection that the first layer folds into its kernel."""

    rows: tf.Tensor  # (batch, time steps, features)
    weights: tf.Variable  # (features, units)
    biases: tf.Variable  # (units,)


def read_folded(
    cell: Cell, inputs: tf.Tensor | ProjectedRows, product_dtype: tf.DType
) -> tuple[tf.Tensor, LSTMState]:
    """Read a sequence with an LSTM from the zero state, as `recurrence.read_unrolled` does.

    Args:
        cell: an `LSTM`.
        inputs: (batch, time steps, features), possibly with a projection of the features.
        product_dtype: the operand type of every matrix product.

    Raises:
        ValueError: the cell has other equations.
    """
    if type(cell) is not LSTM:
        raise ValueError(f"the folded engine computes the cell LSTM, not {type(cell).__name__}")
    kernel, bias = tf.convert_to_tensor(cell.kernel), tf.convert_to_tensor(cell.bias)
    if isinstance(inputs, ProjectedRows):
        inputs, weights, biases = inputs
        kernel, bias = fold_projection(weights, biases, kernel, bias)
    time_major = tf.transpose(inputs, [1, 2, 0])  # (time steps, features, batch)
    ones = tf.ones_like(time_major[:, :1])  # the bias is the weight of a feature that is 1
    columns = tf.cast(tf.concat([time_major, ones], axis=1), product_dtype)
    stacked_kernel = tf.concat([kernel, bias[tf.newaxis], cell.recurrent_kernel], axis=0)
    zeros = tf.zeros((cell.units, tf.shape(columns)[2]), cell.dtype)  # (units, batch)
    outputs, hidden, cell_state = read_columns(columns, stacked_kernel, zeros)
    last = LSTMState(tf.transpose(hidden), tf.transpose(cell_state))
    return tf.transpose(outputs, [2, 0, 1]), last


def read_columns(
    columns: tf.Tensor, stacked_kernel: tf.Tensor, zeros: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The recurrence from the state `zeros`; a long sequence is read in rounds of a loop.

    Args:
        columns, stacked_kernel: as for `unroll_folded`.
        zeros: (units, batch).

    Returns:
        As `unroll_folded`.
    """
    time_steps, features, _ = columns.shape
    if time_steps <= MAX_UNROLLED:
        return unroll_folded(columns, stacked_kernel, zeros, zeros)
    size = max(size for size in range(1, STEPS_PER_ROUND + 1) if time_steps % size == 0)
    rounds = tf.reshape(columns, (time_steps // size, size, features, -1))
    outputs, hidden, cell_state = tf.scan(
        lambda carried, part: unroll_folded(part, stacked_kernel, *carried[1:]),
        rounds,
        (tf.tile(zeros[tf.newaxis], [size, 1, 1]), zeros, zeros),
    )  # outputs: (rounds, size, units, batch); the states after each round: (rounds, units, batch)
    outputs = tf.reshape(outputs, (time_steps, zeros.shape[0], -1))
    return outputs, hidden[-1], cell_state[-1]


@tf.custom_gradient
def unroll_folded(
    columns: tf.Tensor, stacked_kernel: tf.Tensor, hidden: tf.Tensor, cell_state: tf.Tensor
) -> tuple[tuple[tf.Tensor, tf.Tensor, tf.Tensor], Callable]:
    """The recurrence, with its gradient.

    Args:
        columns: (time steps, features, batch), the inputs, with the operand type of the matrix
            products.
        stacked_kernel: (features + units, 4 * units), the kernel, the bias (of a feature that is
            always 1) and the recurrent kernel, stacked, with the type of gates and states.
        hidden, cell_state: (units, batch), the initial state.

    Returns:
        The hidden states (time steps, units, batch), and the last hidden state and cell state.
    """
    features, units = columns.shape[1], stacked_kernel.shape[1] // 4
    product_dtype, dtype = columns.dtype, stacked_kernel.dtype
    kernel = tf.cast(stacked_kernel, product_dtype)
    transposed_kernel = tf.transpose(kernel)
    inputs, saved, hidden_states = [], [], []
    for column in tf.unstack(columns):  # each (features, batch)
        inputs.append(tf.concat([column, tf.cast(hidden, product_dtype)], axis=0))
        previous = cell_state
        gates = tf.cast(transposed_kernel @ inputs[-1], dtype)  # (4 * units, batch)
        # TensorFlow splits along the first axis without a copy.
        i_f, g, o = tf.split(gates, [2 * units, units, units])
        i, f = tf.split(tf.sigmoid(i_f), 2)
        g, o = tf.tanh(g), tf.sigmoid(o)
        cell_state = f * previous + i * g
        activation = tf.tanh(cell_state)
        hidden = o * activation
        saved.append((i, f, g, o, previous, activation))
        hidden_states.append(hidden)

    def gradient(
        d_hidden_states: tf.Tensor, d_hidden: tf.Tensor, d_cell_state: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Backpropagation through time; `d_x` is the gradient of the loss with respect to `x`."""
        d_gates = []  # each (4 * units, batch), from the last time step to the first
        for (i, f, g, o, previous, activation), d_output in zip(
            reversed(saved), reversed(tf.unstack(d_hidden_states)), strict=True
        ):
            d_hidden += d_output
            # TanhGrad is dy * (1 - y * y), SigmoidGrad dy * y * (1 - y).
            d_cell_state += tf.raw_ops.TanhGrad(y=activation, dy=d_hidden * o)
            d_i = tf.raw_ops.SigmoidGrad(y=i, dy=d_cell_state * g)
            d_f = tf.raw_ops.SigmoidGrad(y=f, dy=d_cell_state * previous)
            d_g = tf.raw_ops.TanhGrad(y=g, dy=d_cell_state * i)
            d_o = tf.raw_ops.SigmoidGrad(y=o, dy=d_hidden * activation)
            d_gates.append(tf.cast(tf.concat([d_i, d_f, d_g, d_o], axis=0), product_dtype))
            d_hidden = tf.cast(kernel[features:] @ d_gates[-1], dtype)
            d_cell_state *= f
        d_gates.reverse()
        groups = [slice(t, t + STEPS_PER_PRODUCT) for t in range(0, len(inputs), STEPS_PER_PRODUCT)]
        products = (
            tf.matmul(
                tf.concat(inputs[group], axis=1),
                tf.concat(d_gates[group], axis=1),
                transpose_b=True,
            )
            for group in groups
        )
        d_kernel = tf.add_n([tf.cast(product, dtype) for product in products])
        d_columns = tf.matmul(kernel[:features], tf.stack(d_gates))
        return d_columns, d_kernel, d_hidden, d_cell_state

    return (tf.stack(hidden_states), hidden, cell_state), gradient
