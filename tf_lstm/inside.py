"""What goes on in a trained network: gates and states by row, evidence, what matters for how long.

All functions take a model and images (n, 28, 28) uint8, and compute the written-out equations of
the cells, whichever engine the model has.
"""

from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lstm.cells import Cell
from tf_lstm.model import RowClassifier, cell_class
from tf_lstm.recurrence import Layer, unroll
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
    inputs = first_inputs(model, images)
    layers = []
    for layer in model.layers:
        values = read_layer(layer, model.recipe.cell, inputs)
        inputs = tf.constant(values["hidden"])
        layers.append(values)
    return layers


def first_inputs(model: RowClassifier, images: np.ndarray) -> tf.Tensor:
    """What the first layer reads: (n, time steps, features or units)."""
    inputs = images_to_rows(tf.constant(images), model.recipe, model.dtype)
    if model.recipe.input_projection:
        inputs = tf.tensordot(inputs, model.weights["in"], 1) + model.biases["in"]
    return inputs


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


def gradients_through_time(
    model: RowClassifier, images: np.ndarray, labels: np.ndarray
) -> list[Values]:
    """The gradient of the loss after the last row with respect to the state after every row.

    It says how much the loss would change if a part of the state were changed after a row, and
    everything that is computed from it were changed with it. Backpropagation through time computes
    it on its way from the last row back to the first.

    A change of an LSTM's `hidden` takes effect through the recurrent kernel at the next row or,
    after the last row, through the output projection. A change of `cell_state` takes effect through
    `hidden` after the same row, and through the next `cell_state`, for which the forget gate
    multiplies it: the constant error carousel of Hochreiter & Schmidhuber (1997).

    Args:
        labels: (n,) integers, the true classes.

    Returns:
        For each layer, arrays (n, time steps, units): "hidden", and of an LSTM also "cell_state".

    Raises:
        ValueError: the network is not causal.
    """
    require_causal(model)
    inputs = first_inputs(model, images)
    layers: list[list[Any]] = []  # for each layer, the states after every row
    # Gradients of the variables are not needed, and would take longer than the rest.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        for layer in model.layers:
            zero_state = layer.cell.zero_state(len(images))
            tape.watch(zero_state)
            layers.append([])
            step = partial(recorded_step, layer.cell, layers[-1])
            inputs, _ = unroll(step, inputs, zero_state)
        logits = inputs[:, -1] @ model.weights["out"] + model.biases["out"]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    # Of the sum of the losses: an image's state does not affect the loss of another.
    gradients = tape.gradient(losses, layers)
    return [
        {
            name: np.stack([getattr(state, name) for state in states], axis=1)
            for name in states[0]._fields
        }
        for states in gradients
    ]


def recorded_step(
    cell: Cell, states: list[Any], time_step: tf.Tensor, state: Any
) -> tuple[tf.Tensor, Any]:
    """One time step of a cell, whose new state is appended to `states`."""
    output, state = cell.step(time_step, state)
    states.append(state)
    return output, state


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
