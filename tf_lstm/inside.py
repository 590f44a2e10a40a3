"""What goes on in a trained network: gates and states by row, evidence, what matters for how long.

All functions take a model and images (n, 28, 28) uint8, and compute the written-out equations of
the cells, whichever engine the model has.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tf_lstm.model import RowClassifier, cell_class
from tf_lstm.recurrence import Layer
from tf_lstm.rows import images_to_rows

Values = dict[str, np.ndarray]  # by the name of a gate or a part of the state


def gates_and_states(model: RowClassifier, images: np.ndarray) -> list[Values]:
    """The values of every gate, and of every part of the state, after every row.

    Returns:
        For each layer, arrays (n, time steps, units): of an LSTM "i", "f", "g", "o", "hidden" and
        "cell_state"; of a GRU "z", "r", "g" and "hidden"; of another cell what its `gates`, if it
        has that method, and its state contain.

    Raises:
        ValueError: the network is not causal, so its states belong to no number of rows read.
    """
    require_causal(model)
    inputs = images_to_rows(tf.constant(images), model.recipe, model.dtype)
    if model.recipe.input_projection:
        inputs = tf.tensordot(inputs, model.weights["in"], 1) + model.biases["in"]
    layers = []
    for layer in model.layers:
        values = read_layer(layer, model.recipe.cell, inputs)
        inputs = tf.constant(values["hidden"])
        layers.append(values)
    return layers


def read_layer(layer: Layer, cell_name: str, inputs: tf.Tensor) -> Values:
    """The gates and states of one layer; see `gates_and_states`."""
    cell, equations = layer.cell, cell_class(cell_name)
    state: Any = cell.zero_state(tf.shape(inputs)[0])
    rows: list[dict[str, tf.Tensor]] = []
    for time_step in tf.unstack(inputs, axis=1):
        # Called with a cell of Keras' class too, which has the same variables.
        gates = equations.gates(cell, time_step, state) if hasattr(equations, "gates") else {}
        _, state = cell.step(time_step, state)
        rows.append(gates | state._asdict())
    return {name: np.stack([row[name] for row in rows], axis=1) for name in rows[0]}


def contributions(model: RowClassifier, images: np.ndarray) -> np.ndarray:
    """What each unit of the last layer adds to each logit after every row.

    Returns:
        (n, time steps, units, classes); with `biases['out']`, the sum over the units is the logits.
    """
    hidden = gates_and_states(model, images)[-1]["hidden"]
    return hidden[..., np.newaxis] * model.weights["out"].numpy()


def evidence(model: RowClassifier, images: np.ndarray) -> np.ndarray:
    """The change of each class's log-probability by each row, in nats.

    Returns:
        (n, time steps, classes); the sum over the rows is the final log-probability. The first row
        has its own log-probability, as if it had been 0 before.
    """
    require_causal(model)
    logs = tf.nn.log_softmax(model.row_logits(images)).numpy()
    return np.diff(logs, axis=1, prepend=0)


def saliency(model: RowClassifier, images: np.ndarray, row: int, classes: np.ndarray) -> np.ndarray:
    """The gradient of a class's log-probability after a row with respect to every pixel.

    Args:
        row: the number of rows read, from 1.
        classes: (n,) integers, a class for each image.

    Returns:
        (n, 28, 28), per unit of a pixel's range from 0 to 1; zeros below the row.
    """
    require_causal(model)
    pixels = tf.cast(images, model.dtype)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        logits = model(images_to_rows(pixels, model.recipe, model.dtype))[:, row - 1]
        chosen = tf.gather(tf.nn.log_softmax(logits), classes, batch_dims=1)
        total = tf.reduce_sum(chosen)  # an image's pixels do not affect the others
    return 255 * tape.gradient(total, pixels).numpy()


def importance(model: RowClassifier, images: np.ndarray) -> np.ndarray:
    """How much each row matters for the prediction after each row: how long the network remembers.

    Returns:
        (28, 28): at [t, s], the norm of the gradient, with respect to the pixels of row s, of the
        log-probability of the class that is predicted after row t; the mean over the images.
    """
    require_causal(model)
    predicted = model.row_logits(images).numpy().argmax(axis=2)  # (n, time steps)
    norms = [
        np.linalg.norm(saliency(model, images, row + 1, predicted[:, row]), axis=2).mean(axis=0)
        for row in range(predicted.shape[1])
    ]
    return np.stack(norms)


def require_causal(model: RowClassifier) -> None:
    """Raise a ValueError for a network that reads in both directions."""
    if not model.causal:
        raise ValueError(
            "a bidirectional network has no states that belong to the rows read so far: choose a "
            "network that reads in one direction"
        )
