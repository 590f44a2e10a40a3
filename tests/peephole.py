"""A cell from outside the package: an LSTM whose gates see the cell state (Gers et al. 2002)."""

import tensorflow as tf

from tf_lstm.cells import LSTM, LSTMState
from tf_lstm.settings import CELLS


class PeepholeLSTM(LSTM):
    """The gates i and f also see the old cell state, and o the new one."""

    def __init__(self, features, units, seeds, **options):
        super().__init__(features, units, seeds, **options)
        zeros = tf.zeros(units, self.dtype)
        self.see_i, self.see_f, self.see_o = (tf.Variable(zeros) for _ in range(3))

    def step(self, inputs, state):
        """As in `Cell`."""
        sums = inputs @ self.kernel + state.hidden @ self.recurrent_kernel + self.bias
        i, f, g, o = tf.split(sums, 4, axis=1)
        i = tf.sigmoid(i + self.see_i * state.cell_state)
        f = tf.sigmoid(f + self.see_f * state.cell_state)
        cell_state = f * state.cell_state + i * tf.tanh(g)
        hidden = tf.sigmoid(o + self.see_o * cell_state) * tf.tanh(cell_state)
        return hidden, LSTMState(hidden, cell_state)


CELLS["peephole"] = "peephole:PeepholeLSTM"
