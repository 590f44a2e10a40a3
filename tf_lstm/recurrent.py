"""The recurrence itself: one cell, applied to one time step after another.

A cell is anything that is called as `output, states = cell(inputs, states)`, as Keras' cells are.
The LSTM cell (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000) computes

    i, f, g, o = split(inputs · kernel + hidden · recurrent_kernel + bias)
    cell_state = sigmoid(f) * cell_state + sigmoid(i) * tanh(g)
    hidden     = sigmoid(o) * tanh(cell_state)

and its states are the pair (hidden, cell_state).
"""

import tensorflow as tf

LONGEST_UNROLLED = 200  # time steps; a graph with a copy for each of 784 would take minutes to make


def zero_state(batch_size, units, dtype=tf.float32):
    """The state before the first time step: (hidden, cell_state), each (batch_size, units), zero.

    `batch_size` may be a tensor, so that a traced function takes batches of any size.
    """
    return tf.zeros((batch_size, units), dtype), tf.zeros((batch_size, units), dtype)


def unroll(cell, inputs, hidden, cell_state):
    """Apply `cell` to every time step of `inputs`, carrying its state from one to the next.

    Args:
        cell: called as `output, (hidden, cell_state) = cell(time_step, [hidden, cell_state])`.
        inputs: (batch, time steps, features); the number of time steps must be known when traced.
        hidden, cell_state: the state to begin with, each (batch, units).

    Returns:
        The outputs (batch, time steps, units), and the last hidden and the last cell state.
    """
    if inputs.shape[1] > LONGEST_UNROLLED:
        return loop(cell, inputs, hidden, cell_state)
    outputs = []
    # tf.unstack, not inputs[:, t]: the gradient of a slice is a zero-padded copy of all of
    # `inputs`, one for every time step, and costs up to half of the training time.
    for time_step in tf.unstack(inputs, axis=1):  # each (batch, features)
        output, (hidden, cell_state) = cell(time_step, [hidden, cell_state])
        outputs.append(output)
    return tf.stack(outputs, axis=1), hidden, cell_state


def loop(cell, inputs, hidden, cell_state):
    """The same as `unroll`, as one loop within the graph: slower in every step, soon to begin."""

    def step(before, time_step):
        _, *states = before
        output, states = cell(time_step, states)
        return output, *states

    time_steps = tf.transpose(inputs, [1, 0, 2])  # time-major: (time steps, batch, features)
    outputs, hidden, cell_state = tf.scan(step, time_steps, (hidden, hidden, cell_state))
    return tf.transpose(outputs, [1, 0, 2]), hidden[-1], cell_state[-1]
