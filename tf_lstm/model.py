"""The network: rows -> input projection -> recurrent layers -> output projection -> logits."""

import pkgutil
from collections.abc import Iterator

import tensorflow as tf

from tf_lstm.cells import KERAS_CLASSES, Cell, KerasCell
from tf_lstm.initializers import chrono_bias, new_projection
from tf_lstm.recurrence import UNROLLED, BidirectionalLayer, Engine, Layer, project
from tf_lstm.rows import IMAGE_SIZE, count_features, images_to_rows
from tf_lstm.seeds import initializer_seeds
from tf_lstm.settings import CELLS, Recipe

OUTPUT_WEIGHTS = "weights_out"  # the name of `weights['out']`, by which the optimizer knows it
IMAGES = tf.TensorSpec((None, IMAGE_SIZE, IMAGE_SIZE), tf.uint8)


class RowClassifier(tf.Module):
    """A recurrent network that reads an image row by row, with class logits after every row.

    The variables are `weights['in']` (features, units), `biases['in']` (units,), `weights['out']`
    (units, classes), `biases['out']` (classes,), and those of the cell of every layer in `layers`:
    `kernel`, `recurrent_kernel` and `bias`.

    Args:
        recipe: the settings.
        seed: determines the initial values, which do not depend on the engine.
        dtype: the type of all variables and logits; float64 is for checking formulas.
        engine: how the layers are computed.
        num_classes: the number of classes, 10 for MNIST.
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int = 0,
        dtype: tf.DType = tf.float32,
        engine: Engine = UNROLLED,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        self.recipe, self.dtype, self.engine = recipe, dtype, engine
        self.num_classes = num_classes
        seeds = iter(initializer_seeds(seed, 2 + 4 * recipe.layers))
        self.weights: dict[str, tf.Variable] = {}
        self.biases: dict[str, tf.Variable] = {}
        self.layers: list[Layer | BidirectionalLayer] = []
        size = count_features(recipe)
        if recipe.input_projection:
            self.weights["in"], self.biases["in"] = new_projection(
                size, recipe.units, recipe.initializer, next(seeds), dtype, key="in"
            )
            size = recipe.units
        out_seed = next(seeds)
        for layer_index in range(recipe.layers):
            self.layers.append(self._new_layer(layer_index, size, seeds))
            size = self.layers[-1].units
        self.weights["out"], self.biases["out"] = new_projection(
            size, num_classes, recipe.initializer, out_seed, dtype, key="out"
        )

    def _new_layer(
        self, layer_index: int, features: int, seeds: Iterator[int]
    ) -> Layer | BidirectionalLayer:
        recipe, read = self.recipe, self.engine.read
        cell = new_cell(recipe, features, seeds, self.dtype, self.engine.keras)
        if not recipe.bidirectional:
            return Layer(cell, read)
        backward = new_cell(recipe, features, seeds, self.dtype, self.engine.keras)
        return BidirectionalLayer(cell, backward, read, last_only=layer_index == recipe.layers - 1)

    @property
    def causal(self) -> bool:
        """Whether the logits after a row depend on the rows read so far only."""
        return all(layer.causal for layer in self.layers)

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

    def __call__(self, rows: tf.Tensor, dropout_masks: tf.Tensor | None = None) -> tf.Tensor:
        """Logits after every row.

        Args:
            rows: (batch, time steps, features).
            dropout_masks: (batch, layers, time steps, units), by which the outputs of the layers
                are multiplied during training; None for no dropout.

        Returns:
            (batch, time steps, classes). `logits[:, -1]` classifies the image. In a causal network,
            the earlier logits are predictions from the rows read so far.
        """
        hidden_states = self.hidden_states(rows, dropout_masks)
        return project(hidden_states, self.weights["out"], self.biases["out"])

    def hidden_states(self, rows: tf.Tensor, dropout_masks: tf.Tensor | None = None) -> tf.Tensor:
        """As `__call__`, without the output projection: (batch, time steps, units)."""
        outputs = rows
        if self.recipe.input_projection:
            outputs = self.engine.project_in(rows, self.weights["in"], self.biases["in"])
        for layer_index, layer in enumerate(self.layers):
            outputs = layer(outputs)  # (batch, time steps, units)
            if dropout_masks is not None:
                outputs *= dropout_masks[:, layer_index, -outputs.shape[1] :]
        return outputs

    @tf.function(input_signature=[IMAGES], autograph=False)
    def image_logits(self, images: tf.Tensor) -> tf.Tensor:
        """Logits of uint8 images (batch, 28, 28) after the last row: (batch, classes)."""
        hidden_states = self.hidden_states(images_to_rows(images, self.recipe, self.dtype))
        # Only the last row's; the projection of all rows takes a tenth of the time.
        return project(hidden_states[:, -1:], self.weights["out"], self.biases["out"])[:, 0]

    @tf.function(input_signature=[IMAGES], autograph=False)
    def row_logits(self, images: tf.Tensor) -> tf.Tensor:
        """Logits of uint8 images (batch, 28, 28) after every row: (batch, time steps, classes).

        A network that is not causal reads each prefix of the rows separately.
        """
        rows = images_to_rows(images, self.recipe, self.dtype)
        if self.causal:
            return self(rows)
        prefixes = (rows[:, : row + 1] for row in range(rows.shape[1]))
        return tf.concat([self(prefix)[:, -1:] for prefix in prefixes], axis=1)


def cell_class(name: str) -> type[Cell]:
    """The class of the cell that is called `name` in `settings.CELLS`."""
    return pkgutil.resolve_name(CELLS[name])


def new_cell(
    recipe: Recipe, features: int, seeds: Iterator[int], dtype: tf.DType, keras: bool
) -> Cell:
    """A cell with its initial values, computed by Keras' class if `keras` and if there is one."""
    cell_type, chrono = cell_class(recipe.cell), recipe.forget_bias == "chrono"
    options = {
        "initializer": recipe.initializer,
        "forget_bias": chrono_bias(recipe.units, recipe.time_steps)
        if chrono
        else recipe.forget_bias,
        "dtype": dtype,
    }
    if keras and cell_type in KERAS_CLASSES:
        return KerasCell(cell_type, features, recipe.units, seeds, **options)
    return cell_type(features, recipe.units, seeds, **options)
