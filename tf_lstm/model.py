"""The network: rows -> input projection -> LSTM layers -> output projection -> logits."""

import numpy as np
import tensorflow as tf

from tf_lstm import folded
from tf_lstm.recurrent import LONGEST_UNROLLED, unroll, zero_state
from tf_lstm.rows import SIZE, features, images_to_rows

NUM_CLASSES = 10


class RowClassifier(tf.Module):
    """An LSTM that reads an image row by row and says after every row which digit it takes it for.

    All variables are in the open: `weights['in']` (features, units), `biases['in']` (units,),
    `weights['out']` (units * directions, classes), `biases['out']` (classes,), and the `kernel`,
    `recurrent_kernel` and `bias` of every `tf.keras.layers.LSTMCell` in `layers`: a list of layers,
    each a list of its cells, one for each direction.

    Args:
        recipe: a `Recipe`; the input projection is there if the recipe has one.
        seed: of the initial values; the same seed gives the same network.
        engine: "cell" unrolls the cells row by row; "folded" computes the same with less work.
        dtype: of all variables and results; float64 is for checking formulas.
    """

    def __init__(self, recipe, seed=0, engine="cell", dtype=tf.float32):
        super().__init__()
        self.recipe = recipe
        # The folded engine writes out every row; a long sequence is read in a loop, by the cell.
        self.engine = engine if recipe.time_steps <= LONGEST_UNROLLED else "cell"
        self.dtype = dtype
        directions = 2 if recipe.bidirectional else 1
        # Seeds for the two projections, and for both kernels of each cell.
        count = 2 + 2 * recipe.layers * directions
        seeds = iter(int(word) for word in np.random.SeedSequence(seed).generate_state(count))

        self.weights = {}
        self.biases = {}
        width = features(recipe)
        if recipe.input_projection:
            self.add_projection("in", width, recipe.units, next(seeds))
            width = recipe.units
        self.add_projection("out", recipe.units * directions, NUM_CLASSES, next(seeds))
        self.layers = []
        for _ in range(recipe.layers):
            self.layers.append([self.new_cell(width, seeds) for _ in range(directions)])
            width = recipe.units * directions
        # Traced once and called for every row: a graph with 28 copies takes four times as long.
        self.traced_cells = [
            [tf.function(cell, autograph=False) for cell in cells] for cells in self.layers
        ]

    def add_projection(self, name, inputs, outputs, seed):
        """Make `weights[name]` and `biases[name]`."""
        if self.recipe.initial_values == "normal":
            initializer, bias = tf.keras.initializers.RandomNormal(stddev=1.0, seed=seed), 0.1
        else:  # Glorot & Bengio 2010
            initializer, bias = tf.keras.initializers.GlorotUniform(seed), 0.0
        initial = initializer((inputs, outputs), self.dtype)
        self.weights[name] = tf.Variable(initial, name=f"weights/{name}")
        self.biases[name] = tf.Variable(
            tf.fill((outputs,), tf.cast(bias, self.dtype)), name=f"biases/{name}"
        )

    def new_cell(self, inputs, seeds):
        """A cell for inputs of so many features; takes two of `seeds`, an iterator."""
        units = self.recipe.units
        kernel_seed, recurrent_seed = next(seeds), next(seeds)
        if self.recipe.initial_values == "normal":
            # BasicLSTMCell kept both kernels in one matrix (inputs + units, 4 * units), and drew
            # from Glorot's limits for that shape.
            limit = (6 / (inputs + units + 4 * units)) ** 0.5
            kernel = tf.keras.initializers.RandomUniform(-limit, limit, kernel_seed)
            recurrent = tf.keras.initializers.RandomUniform(-limit, limit, recurrent_seed)
        else:
            kernel = tf.keras.initializers.GlorotUniform(kernel_seed)
            recurrent = tf.keras.initializers.Orthogonal(seed=recurrent_seed)
        cell = tf.keras.layers.LSTMCell(
            units,
            kernel_initializer=kernel,
            recurrent_initializer=recurrent,
            unit_forget_bias=True,  # the older cell's forget_bias=1.0, kept in the bias itself
            dtype=tf.as_dtype(self.dtype).name,
        )
        cell.build((None, inputs))
        return cell

    @property
    def variables_by_name(self):
        """Every trained `tf.Variable` by the name under which the README speaks of it."""
        cells = {
            f"layers[{number}][{direction}].{part}": variable.value
            for number, cells in enumerate(self.layers)
            for direction, cell in enumerate(cells)
            for part, variable in zip(
                ("kernel", "recurrent_kernel", "bias"), cell.trainable_variables, strict=True
            )
        }
        projections = {
            name: {
                f"weights['{name}']": self.weights[name],
                f"biases['{name}']": self.biases[name],
            }
            for name in self.weights
        }
        return projections.get("in", {}) | cells | projections["out"]

    def project_rows(self, rows):
        """Project every row: (batch, time steps, features) -> (batch, time steps, units)."""
        _, time_steps, row_features = rows.shape
        flat_rows = tf.reshape(rows, (-1, row_features))  # (batch * time steps, features)
        projected = flat_rows @ self.weights["in"] + self.biases["in"]
        return tf.reshape(projected, (-1, time_steps, self.recipe.units))

    def project_hidden(self, hidden):
        """Read logits off hidden states: (batch, time steps, units * directions) -> (…, 10)."""
        _, time_steps, width = hidden.shape
        flat_hidden = tf.reshape(hidden, (-1, width))
        logits = flat_hidden @ self.weights["out"] + self.biases["out"]
        return tf.reshape(logits, (-1, time_steps, NUM_CLASSES))

    def read_layer(self, inputs, number, direction):
        """All hidden states of one layer in one direction, in the order of `inputs`' rows.

        inputs: (batch, time steps, features), projected already where that is not folded.
        Returns (batch, time steps, units).
        """
        if direction == 1:
            inputs = tf.reverse(inputs, axis=[1])
        if self.engine == "folded":
            cell = self.layers[number][direction]
            kernel, bias = tf.convert_to_tensor(cell.kernel), tf.convert_to_tensor(cell.bias)
            if number == 0 and self.recipe.input_projection:
                kernel, bias = folded.fold(self.weights["in"], self.biases["in"], kernel, bias)
            outputs = folded.read_rows(inputs, kernel, cell.recurrent_kernel, bias)
        else:
            hidden, cell_state = zero_state(tf.shape(inputs)[0], self.recipe.units, inputs.dtype)
            outputs, _, _ = unroll(self.traced_cells[number][direction], inputs, hidden, cell_state)
        return tf.reverse(outputs, axis=[1]) if direction == 1 else outputs

    def hidden_states(self, rows, dropout_seed=None):
        """The top layer's hidden states: a list of (batch, time steps, units), one a direction."""
        outputs = rows
        if self.recipe.input_projection and self.engine == "cell":
            outputs = self.project_rows(rows)
        for number, cells in enumerate(self.layers):
            states = [self.read_layer(outputs, number, d) for d in range(len(cells))]
            if dropout_seed is not None and self.recipe.dropout:
                states = [
                    # A fresh mask for each image and row, as DropoutWrapper drew it.
                    tf.nn.experimental.stateless_dropout(
                        state,
                        self.recipe.dropout,
                        tf.random.experimental.stateless_fold_in(
                            dropout_seed, number * len(cells) + direction
                        ),
                    )
                    for direction, state in enumerate(states)
                ]
            outputs = tf.concat(states, axis=-1)
        return states

    def __call__(self, rows, dropout_seed=None):
        """Logits after every row, or of a bidirectional network after all of them.

        Args:
            rows: (batch, time steps, features), the variables' dtype.
            dropout_seed: (2,) integers while training; None for no dropout.

        Returns:
            (batch, time steps, classes). The last row's, `logits[:, -1]`, classify the image; the
            ones before it are what the network would say had it seen only the rows so far. For a
            bidirectional network (batch, 1, classes): it reads the rows backwards as well, so a
            row's hidden states know of the rows below. See `logits_of_prefixes` for these.
        """
        states = self.hidden_states(rows, dropout_seed)
        if not self.recipe.bidirectional:
            return self.project_hidden(states[0])
        forward, backward = states
        # The backward pass ends at row 0; at the last row it has seen one row only.
        return self.project_hidden(tf.stack([tf.concat([forward[:, -1], backward[:, 0]], -1)], 1))

    def logits_of_prefixes(self, rows):
        """Logits after every row, each as if the image ended there: (batch, time steps, classes).

        The same as `model(rows)` for a network that reads in one direction. A bidirectional one
        reads each prefix of the rows by itself.
        """
        if not self.recipe.bidirectional:
            return self(rows)
        prefixes = (rows[:, : row + 1] for row in range(rows.shape[1]))
        return tf.concat([self(prefix) for prefix in prefixes], axis=1)

    @tf.function(input_signature=[tf.TensorSpec((None, SIZE, SIZE), tf.uint8)], autograph=False)
    def classify(self, images):
        """Logits of uint8 images (batch, 28, 28) after the last row: (batch, classes)."""
        return self(images_to_rows(images, self.recipe, self.dtype))[:, -1]

    @tf.function(input_signature=[tf.TensorSpec((None, SIZE, SIZE), tf.uint8)], autograph=False)
    def read_images(self, images):
        """Logits after every row of uint8 images (batch, 28, 28): (batch, time steps, classes)."""
        return self.logits_of_prefixes(images_to_rows(images, self.recipe, self.dtype))
