"""The network: rows -> input projection -> LSTM -> output projection -> logits after every row."""

import numpy as np
import tensorflow as tf

from tf_lstm.recurrent import unroll, zero_state

TIME_STEPS = 28  # an image is read as one sequence of 28 rows, top to bottom ...
FEATURES = 28  # ... of 28 pixels each
NUM_CLASSES = 10


def pixels_to_rows(images):
    """uint8 pixels (batch, 28, 28) -> float32 rows of pixels in [0, 1], same shape."""
    return tf.cast(images, tf.float32) / 255.0


class RowClassifier(tf.Module):
    """An LSTM that reads an image row by row and says after every row which digit it takes it for.

    All variables are in the open: `weights['in']` (features, units), `biases['in']` (units,),
    `weights['out']` (units, classes), `biases['out']` (classes,), and the `kernel`,
    `recurrent_kernel` and `bias` of `cell`.

    Args:
        units: size of the hidden state.
        initial_values: "glorot" (Glorot & Bengio 2010; recurrent kernel orthogonal), or "normal",
            as the BasicLSTMCell tutorial had them.
        seed: of the initial values; the same seed gives the same network.
        dtype: of all variables and results; float64 is for checking formulas.
    """

    def __init__(self, units=128, initial_values="glorot", seed=0, dtype=tf.float32):
        super().__init__()
        self.units = units
        seeds = [int(word) for word in np.random.SeedSequence(seed).generate_state(4)]
        initializers = tf.keras.initializers
        if initial_values == "glorot":
            project_in, project_out = map(initializers.GlorotUniform, seeds[:2])
            kernel, recurrent = (
                initializers.GlorotUniform(seeds[2]),
                initializers.Orthogonal(seed=seeds[3]),
            )
            bias = 0.0
        elif initial_values == "normal":
            project_in, project_out = (
                initializers.RandomNormal(stddev=1.0, seed=word) for word in seeds[:2]
            )
            # BasicLSTMCell kept both kernels in one matrix (units + units, 4 * units), and drew
            # Glorot's limits for that shape.
            limit = (6 / (2 * units + 4 * units)) ** 0.5
            kernel, recurrent = (
                initializers.RandomUniform(-limit, limit, seed=word) for word in seeds[2:]
            )
            bias = 0.1
        else:
            raise ValueError(f"initial_values is {initial_values!r}, not 'glorot' or 'normal'")

        self.weights = {
            "in": tf.Variable(project_in((FEATURES, units), dtype), name="weights/in"),
            "out": tf.Variable(project_out((units, NUM_CLASSES), dtype), name="weights/out"),
        }
        self.biases = {
            "in": tf.Variable(tf.fill((units,), tf.cast(bias, dtype)), name="biases/in"),
            "out": tf.Variable(tf.fill((NUM_CLASSES,), tf.cast(bias, dtype)), name="biases/out"),
        }
        self.cell = tf.keras.layers.LSTMCell(
            units,
            kernel_initializer=kernel,
            recurrent_initializer=recurrent,
            unit_forget_bias=True,  # the older cell's forget_bias=1.0, kept in the bias itself
            dtype=tf.as_dtype(dtype).name,
        )
        self.cell.build((None, units))
        # Traced once and called for every row: a graph with 28 copies takes four times as long.
        self.traced_cell = tf.function(self.cell)

    @property
    def variables_by_name(self):
        """Every trained `tf.Variable` by the name under which the README speaks of it."""
        kernel, recurrent_kernel, bias = (v.value for v in self.cell.trainable_variables)
        return {
            "weights['in']": self.weights["in"],
            "biases['in']": self.biases["in"],
            "cell.kernel": kernel,
            "cell.recurrent_kernel": recurrent_kernel,
            "cell.bias": bias,
            "weights['out']": self.weights["out"],
            "biases['out']": self.biases["out"],
        }

    def project_rows(self, rows):
        """Project every row: (batch, time steps, features) -> (batch, time steps, units)."""
        time_steps, features = rows.shape[1:]
        flat_rows = tf.reshape(rows, (-1, features))  # (batch * time steps, features)
        projected = flat_rows @ self.weights["in"] + self.biases["in"]
        return tf.reshape(projected, (-1, time_steps, self.units))

    def project_hidden(self, hidden):
        """Read logits off hidden states: (batch, time steps, units) -> (batch, time steps, 10)."""
        flat_hidden = tf.reshape(hidden, (-1, self.units))
        logits = flat_hidden @ self.weights["out"] + self.biases["out"]
        return tf.reshape(logits, (-1, hidden.shape[1], NUM_CLASSES))

    def __call__(self, rows):
        """Logits after every row.

        Args:
            rows: (batch, time steps, features), the variables' dtype, pixels in [0, 1].

        Returns:
            (batch, time steps, classes). The last row's, `logits[:, -1]`, classify the image; the
            ones before it are what the network would say had it seen only the rows so far.
        """
        hidden, cell_state = zero_state(tf.shape(rows)[0], self.units, rows.dtype)
        hidden_states, _, _ = unroll(self.traced_cell, self.project_rows(rows), hidden, cell_state)
        return self.project_hidden(hidden_states)

    @tf.function(input_signature=[tf.TensorSpec((None, TIME_STEPS, FEATURES), tf.uint8)])
    def read_images(self, images):
        """Logits after every row of uint8 images (batch, 28, 28), as one traced function."""
        return self(pixels_to_rows(images))
