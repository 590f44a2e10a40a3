"""The recurrence as a loop within the graph, for sequences too long to unroll."""

import tensorflow as tf

from tf_lstm.lstm import LSTMLayer, LSTMState


class ScanLayer(LSTMLayer):
    """The same layer in a `tf.scan`: slower per step than unrolled, but fast to trace."""

    def __call__(
        self, inputs: tf.Tensor, state: LSTMState | None = None
    ) -> tuple[tf.Tensor, LSTMState]:
        """As `LSTMLayer`."""
        state = self.zero_state(tf.shape(inputs)[0]) if state is None else state
        time_steps = tf.transpose(inputs, [1, 0, 2])  # time-major: (time steps, batch, features)
        states = tf.scan(lambda state, step: self.step(step, state)[1], time_steps, state)
        outputs = tf.transpose(states.hidden, [1, 0, 2])  # (batch, time steps, units)
        return outputs, LSTMState(states.hidden[-1], states.cell_state[-1])
