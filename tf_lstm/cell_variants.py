"""The LSTM without one of its gates, to measure what each gate is worth.

Greff et al. ("LSTM: A Search Space Odyssey", 2017) ask the same of speech, handwriting and music.
A missing gate is always open; its columns of the kernels and of the bias stay without effect.
"""

import tensorflow as tf

from tf_lstm.cells import LSTM, LSTMState


class NoInputGate(LSTM):
    """The candidate is always added in full."""

    def gates(self, inputs: tf.Tensor, state: LSTMState) -> dict[str, tf.Tensor]:
        """As in `LSTM`, with i = 1."""
        gates = super().gates(inputs, state)
        return gates | {"i": tf.ones_like(gates["i"])}


class NoForgetGate(LSTM):
    """Nothing is forgotten: the LSTM of Hochreiter & Schmidhuber (1997)."""

    def gates(self, inputs: tf.Tensor, state: LSTMState) -> dict[str, tf.Tensor]:
        """As in `LSTM`, with f = 1."""
        gates = super().gates(inputs, state)
        return gates | {"f": tf.ones_like(gates["f"])}


class NoOutputGate(LSTM):
    """The whole cell state is always output."""

    def gates(self, inputs: tf.Tensor, state: LSTMState) -> dict[str, tf.Tensor]:
        """As in `LSTM`, with o = 1."""
        gates = super().gates(inputs, state)
        return gates | {"o": tf.ones_like(gates["o"])}


class CoupledGates(LSTM):
    """What is taken in replaces what is forgotten, as in a GRU."""

    def gates(self, inputs: tf.Tensor, state: LSTMState) -> dict[str, tf.Tensor]:
        """As in `LSTM`, with f = 1 - i."""
        gates = super().gates(inputs, state)
        return gates | {"f": 1 - gates["i"]}
