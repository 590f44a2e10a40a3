"""The network: rows -> input projection -> LSTM layers -> output projection -> logits."""

from collections.abc import Callable

import tensorflow as tf

from tf_lstm.initializers import new_projection
from tf_lstm.lstm import LSTMLayer
from tf_lstm.rows import IMAGE_SIZE, count_features, images_to_rows
from tf_lstm.seeds import initializer_seeds
from tf_lstm.settings import Recipe

NUM_CLASSES = 10
IMAGES = tf.TensorSpec((None, IMAGE_SIZE, IMAGE_SIZE), tf.uint8)


class RowClassifier(tf.Module):
    """An LSTM that reads an image row by row and outputs class logits after every row.

    The variables are `weights['in']` (features, units), `biases['in']` (units,), `weights['out']`
    (units, classes), `biases['out']` (classes,), and the `kernel`, `recurrent_kernel` and `bias`
    of every layer in `layers`.

    Args:
        recipe: the settings.
        new_layer: makes a layer from the arguments of `LSTMLayer`.
        seed: determines the initial values.
        dtype: the type of all variables and logits; float64 is for checking formulas.
    """

    def __init__(
        self,
        recipe: Recipe,
        new_layer: Callable[..., LSTMLayer] = LSTMLayer,
        seed: int = 0,
        dtype: tf.DType = tf.float32,
    ) -> None:
        super().__init__()
        self.recipe, self.dtype = recipe, dtype
        initializer = recipe.initializer
        seeds = iter(initializer_seeds(seed, 2 + 4 * recipe.layers))
        self.weights: dict[str, tf.Variable] = {}
        self.biases: dict[str, tf.Variable] = {}
        self.layers: list[LSTMLayer] = []
        size = count_features(recipe)
        if recipe.input_projection:
            projection = new_projection(size, recipe.units, initializer, next(seeds), dtype)
            self.weights["in"], self.biases["in"] = projection
            size = recipe.units
        out_seed = next(seeds)
        for _ in range(recipe.layers):
            self.layers.append(new_layer(size, recipe.units, initializer, seeds, dtype))
            size = self.layers[-1].units
        projection = new_projection(size, NUM_CLASSES, initializer, out_seed, dtype)
        self.weights["out"], self.biases["out"] = projection

    @property
    def variables_by_name(self) -> dict[str, tf.Variable]:
        """Every trained variable, from the input to the output."""
        layers = {
            f"layers[{layer_index}].{name}": variable
            for layer_index, layer in enumerate(self.layers)
            for name, variable in layer.variables_by_name.items()
        }
        projections = {
            key: {f"weights['{key}']": self.weights[key], f"biases['{key}']": self.biases[key]}
            for key in self.weights
        }
        return projections.get("in", {}) | layers | projections["out"]

    def project_in(self, rows: tf.Tensor) -> tf.Tensor:
        """(batch, time steps, features) -> (batch, time steps, units)."""
        return project(rows, self.weights["in"], self.biases["in"])

    def __call__(self, rows: tf.Tensor, dropout_seed: tf.Tensor | None = None) -> tf.Tensor:
        """Logits after every row.

        Args:
            rows: (batch, time steps, features).
            dropout_seed: (2,) integers during training; None for no dropout.

        Returns:
            (batch, time steps, classes). `logits[:, -1]` classifies the image. If all layers are
            causal, the earlier logits are predictions from the rows read so far.
        """
        outputs = self.project_in(rows) if self.recipe.input_projection else rows
        for layer_index, layer in enumerate(self.layers):
            outputs, _ = layer(outputs)  # (batch, time steps, units)
            if dropout_seed is not None and self.recipe.dropout:
                # A new mask for every image and row, as in TensorFlow 1's DropoutWrapper.
                seed = tf.random.experimental.stateless_fold_in(dropout_seed, layer_index)
                outputs = tf.nn.experimental.stateless_dropout(outputs, self.recipe.dropout, seed)
        return project(outputs, self.weights["out"], self.biases["out"])

    @tf.function(input_signature=[IMAGES], autograph=False)
    def image_logits(self, images: tf.Tensor) -> tf.Tensor:
        """Logits of uint8 images (batch, 28, 28) after the last row: (batch, classes)."""
        return self(images_to_rows(images, self.recipe, self.dtype))[:, -1]

    @tf.function(input_signature=[IMAGES], autograph=False)
    def row_logits(self, images: tf.Tensor) -> tf.Tensor:
        """Logits of uint8 images (batch, 28, 28) after every row: (batch, time steps, classes).

        If a layer is not causal, the network runs on each prefix of the rows separately.
        """
        rows = images_to_rows(images, self.recipe, self.dtype)
        if all(layer.causal for layer in self.layers):
            return self(rows)
        prefixes = (rows[:, : row + 1] for row in range(rows.shape[1]))
        return tf.concat([self(prefix)[:, -1:] for prefix in prefixes], axis=1)


def project(inputs: tf.Tensor, weights: tf.Variable, biases: tf.Variable) -> tf.Tensor:
    """The same linear map at every time step: (batch, time steps, m) -> (batch, time steps, n)."""
    _, time_steps, size = inputs.shape
    flat = tf.reshape(inputs, (-1, size))  # (batch * time steps, m)
    return tf.reshape(flat @ weights + biases, (-1, time_steps, weights.shape[1]))
