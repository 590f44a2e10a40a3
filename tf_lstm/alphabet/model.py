"""The network that predicts the next letter: one LSTM layer and an output projection."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tf_lstm.alphabet.framings import ALPHABET, Framing, encode
from tf_lstm.initializers import new_projection
from tf_lstm.lstm import LSTMLayer, LSTMState
from tf_lstm.seeds import initializer_seeds


class MaskedLayer(LSTMLayer):
    """An LSTM layer whose state does not change where all features of a time step are padding.

    Args:
        features, units, initializer, seeds, dtype: as in `LSTMLayer`.
        padding: the value of a feature that holds no letter.
    """

    def __init__(
        self,
        features: int,
        units: int,
        initializer: str,
        seeds: Iterator[int],
        dtype: tf.DType,
        padding: float,
    ) -> None:
        super().__init__(features, units, initializer, seeds, dtype)
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
    projection.

    Args:
        framing: the sizes, and whether padding is masked.
        seed: determines the initial values.
    """

    def __init__(self, framing: Framing, seed: int = 0) -> None:
        super().__init__()
        self.framing = framing
        out_seed, *layer_seeds = initializer_seeds(seed, 3)
        projection = new_projection(framing.units, len(ALPHABET), "glorot", out_seed, tf.float32)
        weights, biases = projection
        self.weights, self.biases = {"out": weights}, {"out": biases}
        arguments = framing.features, framing.units, "glorot", iter(layer_seeds), tf.float32
        self.layer = (
            MaskedLayer(*arguments, framing.padding) if framing.masked else LSTMLayer(*arguments)
        )
        # Not a nested tf.function: inside XLA's compiled loop it is over 100 times slower.
        self.layer.traced_step = self.layer.step
        self.traced = tf.function(self, reduce_retracing=True)

    @property
    def variables_by_name(self) -> dict[str, tf.Variable]:
        """Every trained variable, from the input to the output."""
        projection = {"weights['out']": self.weights["out"], "biases['out']": self.biases["out"]}
        return self.layer.variables_by_name | projection

    def __call__(self, inputs: tf.Tensor, state: LSTMState) -> tuple[tf.Tensor, LSTMState]:
        """Predict the next letter, starting from `state`.

        Args:
            inputs: (batch, time steps, features) float32.
            state: before the first time step.

        Returns:
            The logits (batch, 26) after the last time step, and the state there.
        """
        outputs, state = self.layer(inputs, state)  # (batch, time steps, units)
        return outputs[:, -1] @ self.weights["out"] + self.biases["out"], state

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """The index of the predicted next letter of each sample.

        A stateful network reads the samples in order and keeps its state between them.

        Args:
            inputs: (samples, time steps, features).

        Returns:
            (samples,) integers.
        """
        if not self.framing.stateful:
            logits, _ = self.traced(inputs, self.layer.zero_state(len(inputs)))
            return np.argmax(logits, axis=1)
        state, letters = self.layer.zero_state(1), []
        for sample in inputs:
            logits, state = self.traced(sample[np.newaxis], state)
            letters.append(np.argmax(logits))
        return np.array(letters)

    def generate(self, first: str, count: int) -> str:
        """Predict `count` letters from the zero state, each from the previous prediction.

        Args:
            first: the first letter of the result.
            count: the number of letters after it.
        """
        state, string = self.layer.zero_state(1), first
        for _ in range(count):
            logits, state = self.traced(encode(string[-1], self.framing), state)
            string += ALPHABET[int(np.argmax(logits))]
        return string
