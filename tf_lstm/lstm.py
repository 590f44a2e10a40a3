"""The LSTM: its gates, its state, and the recurrence unrolled over the time steps.

The input, forget and output gates are i, f and o; the candidate is g (Hochreiter & Schmidhuber
1997; forget gate: Gers et al. 2000):

    i, f, g, o = split(inputs · kernel + hidden · recurrent_kernel + bias)
    cell_state = sigmoid(f) * cell_state + sigmoid(i) * tanh(g)
    hidden     = sigmoid(o) * tanh(cell_state)

The state is one value. A layer with a different state, such as a GRU, needs its own variables,
`step` and `zero_state`; the code that uses layers does not change.
"""

from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from tf_lstm.initializers import new_cell


class LSTMState(NamedTuple):
    """What an LSTM carries from one time step to the next."""

    hidden: tf.Tensor  # (batch, units); also the layer's output
    cell_state: tf.Tensor  # (batch, units)


class LSTMLayer(tf.Module):
    """A layer of LSTM units: Keras' `LSTMCell`, applied to one time step after another.

    Args:
        features: size of a time step.
        units: size of the hidden state.
        initializer: as in `Recipe`.
        seeds: an iterator over seeds; the layer takes two.
        dtype: the type of the variables and outputs.
    """

    causal = True  # each output depends on its own and earlier time steps only

    def __init__(
        self, features: int, units: int, initializer: str, seeds: Iterator[int], dtype: tf.DType
    ) -> None:
        super().__init__()
        self.units = units
        self.cell = new_cell(features, units, initializer, seeds, dtype)
        # Traced once, called for every time step: 28 copies take four times as long to trace.
        self.traced_step = tf.function(self.step, autograph=False)

    @property
    def variables_by_name(self) -> dict[str, tf.Variable]:
        """The cell's variables under Keras' names."""
        names = ("kernel", "recurrent_kernel", "bias")
        values = (variable.value for variable in self.cell.trainable_variables)
        return dict(zip(names, values, strict=True))

    def zero_state(self, batch_size: int | tf.Tensor) -> LSTMState:
        """The state before the first time step."""
        zeros = tf.zeros((batch_size, self.units), self.cell.compute_dtype)
        return LSTMState(zeros, zeros)

    def step(self, time_step: tf.Tensor, state: LSTMState) -> tuple[tf.Tensor, LSTMState]:
        """One time step (batch, features) -> output (batch, units) and the new state."""
        output, states = self.cell(time_step, list(state))
        return output, LSTMState(*states)

    def __call__(
        self, inputs: tf.Tensor, state: LSTMState | None = None
    ) -> tuple[tf.Tensor, LSTMState]:
        """Unroll the recurrence over all time steps.

        Args:
            inputs: (batch, time steps, features); the number of time steps must be static.
            state: the initial state; None for the zero state.

        Returns:
            The outputs (batch, time steps, units), and the state after the last time step.
        """
        state = self.zero_state(tf.shape(inputs)[0]) if state is None else state
        outputs = []
        # Not inputs[:, t]: the gradients of slices take up to half of the training time.
        for time_step in tf.unstack(inputs, axis=1):  # each (batch, features)
            output, state = self.traced_step(time_step, state)
            outputs.append(output)
        return tf.stack(outputs, axis=1), state


class GatesLayer(LSTMLayer):
    """The same layer with the gates written out in place of Keras' cell."""

    def step(self, time_step: tf.Tensor, state: LSTMState) -> tuple[tf.Tensor, LSTMState]:
        """The equations at the top of this file; the same function as `LSTMLayer.step`."""
        kernel, recurrent_kernel, bias = self.variables_by_name.values()
        gates = time_step @ kernel + state.hidden @ recurrent_kernel + bias  # (batch, 4 * units)
        i, f, g, o = tf.split(gates, 4, axis=1)  # each (batch, units)
        cell_state = tf.sigmoid(f) * state.cell_state + tf.sigmoid(i) * tf.tanh(g)
        hidden = tf.sigmoid(o) * tf.tanh(cell_state)
        return hidden, LSTMState(hidden, cell_state)
