"""A layer that reads its inputs in both directions (Schuster & Paliwal 1997)."""

from collections.abc import Iterator

import tensorflow as tf

from tf_lstm.lstm import LSTMLayer


class BidirectionalLayer(tf.Module):
    """Two LSTM layers, one of which reads from the last time step to the first.

    Args:
        layer_type: the class of both.
        features, units, initializer, seeds, dtype: as in `LSTMLayer`; `units` of one direction.
    """

    causal = False
    return_sequences = True  # False: return the final outputs only, as one time step

    def __init__(
        self,
        layer_type: type[LSTMLayer],
        features: int,
        units: int,
        initializer: str,
        seeds: Iterator[int],
        dtype: tf.DType,
    ) -> None:
        super().__init__()
        self.units = 2 * units
        self.forward = layer_type(features, units, initializer, seeds, dtype)
        self.backward = layer_type(features, units, initializer, seeds, dtype)

    @property
    def variables_by_name(self) -> dict[str, tf.Variable]:
        """The variables of both directions."""
        directions = {"forward": self.forward, "backward": self.backward}
        return {
            f"{direction}.{name}": variable
            for direction, layer in directions.items()
            for name, variable in layer.variables_by_name.items()
        }

    def __call__(self, inputs: tf.Tensor) -> tuple[tf.Tensor, object]:
        """Both directions' outputs side by side, in the order of the inputs.

        Returns:
            The outputs (batch, time steps, 2 * units), or (batch, 1, 2 * units) without
            `return_sequences`, and the pair of final states.
        """
        forward, forward_state = self.forward(inputs)
        backward, backward_state = self.backward(tf.reverse(inputs, axis=[1]))
        if self.return_sequences:
            outputs = tf.concat([forward, tf.reverse(backward, axis=[1])], axis=-1)
        else:
            # Each direction's own last output: where the forward pass ends, the backward pass has
            # read one time step only.
            outputs = tf.concat([forward[:, -1:], backward[:, -1:]], axis=-1)
        return outputs, (forward_state, backward_state)
