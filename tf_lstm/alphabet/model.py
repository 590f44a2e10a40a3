"""The network that predicts the next letter: one LSTM layer and an output projection."""

from typing import Any

import numpy as np
import tensorflow as tf

from tf_lstm.alphabet.framings import ALPHABET, Framing, encode
from tf_lstm.initializers import new_projection
from tf_lstm.lstm import LSTMLayer, LSTMState
from tf_lstm.seeds import initializer_seeds


class MaskedLayer(LSTMLayer):
    """An LSTM layer whose state does not change where all features of a time step are `padding`."""

    def __init__(self, padding: float, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.padding = padding

    def step(self, time_step: tf.Tensor, state: LSTMState) -> tuple[tf.Tensor, LSTMState]:
        """As `LSTMLayer.step`; a padded time step repeats the previous output."""
        _, new_state = super().step(time_step, state)
        is_letter = tf.reduce_any(time_step != self.padding, axis=1, keepdims=True)  # (batch, 1)
        state = tf.nest.map_structure(
            lambda new, old: tf.where(is_letter, new, old), new_state, state
        )
        return state.hidden, state


class LetterClassifier(tf.Module):
    """An LSTM that reads letters and predicts the next one.

    The variables are `weights['out']` (units, 26), `biases['out']` (26,), and the `kernel`,
    `recurrent_kernel` and `bias` of `layer`. Like the article's network, it has no input
    projection. `seed` determines the initial values.
    """

    def __init__(self, framing: Framing, seed: int = 0) -> None:
        super().__init__()
        self.framing = framing
        out_seed, *layer_seeds = initializer_seeds(seed, 3)
        weights, biases = new_projection(
            framing.units, len(ALPHABET), "glorot", out_seed, tf.float32
        )
        self.weights, self.biases = {"out": weights}, {"out": biases}
        arguments = framing.features, framing.units, "glorot", iter(layer_seeds), tf.float32
        self.layer = (
            MaskedLayer(framing.padding, *arguments) if framing.masked else LSTMLayer(*arguments)
        )
        self.variables_to_train = [*self.layer.variables_by_name.values(), weights, biases]
        # Not a nested tf.function: inside XLA's compiled loop it is over 100 times slower.
        self.layer.traced_step = self.layer.step
        self.traced = tf.function(self, reduce_retracing=True)

    def __call__(self, inputs: tf.Tensor, state: LSTMState) -> tuple[tf.Tensor, LSTMState]:
        """Read `inputs` (batch, time steps, features) float32, starting from `state`.

        Returns:
            The logits (batch, 26) after the last time step, and the state there.
        """
        outputs, state = self.layer(inputs, state)  # (batch, time steps, units)
        return outputs[:, -1] @ self.weights["out"] + self.biases["out"], state

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """The index of the next letter of each sample (time steps, features), predicted.

        A stateful network reads the samples in order and keeps its state between them.
        """
        batches = inputs[:, np.newaxis] if self.framing.stateful else [inputs]
        state, letters = self.layer.zero_state(len(batches[0])), []
        for batch in batches:
            logits, state = self.traced(batch, state)
            letters.extend(np.argmax(logits, axis=1))
        return np.array(letters)

    def generate(self, first: str, count: int) -> str:
        """`first` and `count` more letters, each predicted from the one before; from zero state."""
        state, string = self.layer.zero_state(1), first
        for _ in range(count):
            logits, state = self.traced(encode(string[-1], self.framing), state)
            string += ALPHABET[int(np.argmax(logits))]
        return string
