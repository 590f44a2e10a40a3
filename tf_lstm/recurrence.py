"""A cell over a sequence: unrolled, as a loop in the graph, in one direction or in both.

`unroll` and `loop` call any step from any state. `Engine` holds one function that reads a sequence
with a cell, from the zero state; `engines` has more of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf_lstm.cells import Cell

Step = Callable[[tf.Tensor, Any], tuple[tf.Tensor, Any]]  # time step, state -> output, state
Read = Callable[[Cell, Any], tuple[tf.Tensor, Any]]  # cell, inputs -> outputs, last state


def unroll(step: Step, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
    """Call `step` for one time step after another; the graph has a copy of the step for each.

    Args:
        step: maps a time step (batch, features) and a state to an output and the next state.
        inputs: (batch, time steps, features); the number of time steps must be static.
        state: the initial state.

    Returns:
        The outputs (batch, time steps, units), and the state after the last time step.
    """
    outputs = []
    # Not inputs[:, t]: the gradient of each slice is a tensor of the full size, mostly zeros, and
    # their sum takes up to half of the training time.
    for time_step in tf.unstack(inputs, axis=1):  # each (batch, features)
        output, state = step(time_step, state)
        outputs.append(output)
    return tf.stack(outputs, axis=1), state


def loop(step: Step, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
    """As `unroll`, as a loop within the graph: slower per step, but fast to trace."""
    time_major = tf.transpose(inputs, [1, 0, 2])  # (time steps, batch, features)
    zeros = tf.zeros_like(tf.nest.flatten(state)[0])  # only their shape and type count
    outputs, states = tf.scan(
        lambda carried, time_step: step(time_step, carried[1]), time_major, (zeros, state)
    )
    last = tf.nest.map_structure(lambda values: values[-1], states)
    return tf.transpose(outputs, [1, 0, 2]), last


def read_unrolled(cell: Cell, inputs: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """`unroll` a cell, whose step is traced only once, from the zero state."""
    return unroll(cell.traced_step, inputs, cell.zero_state(tf.shape(inputs)[0]))


def read_in_loop(cell: Cell, inputs: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """`loop` a cell from the zero state."""
    return loop(cell.step, inputs, cell.zero_state(tf.shape(inputs)[0]))


def project(inputs: tf.Tensor, weights: tf.Variable, biases: tf.Variable) -> tf.Tensor:
    """The same linear map at every time step: (batch, time steps, m) -> (batch, time steps, n)."""
    _, time_steps, size = inputs.shape
    flat = tf.reshape(inputs, (-1, size))  # (batch * time steps, m)
    return tf.reshape(flat @ weights + biases, (-1, time_steps, weights.shape[1]))


@dataclass(frozen=True)
class Engine:
    """How the layers of a network are computed; it does not change what they compute."""

    read: Read = read_unrolled
    project_in: Callable[..., Any] = project  # rows, weights, biases -> inputs of the first layer
    keras: bool = False  # compute the steps with Keras' classes instead of the equations


UNROLLED = Engine(keras=True)  # the default: Keras' cell, once for every time step


class Layer(tf.Module):
    """A cell, and the function that lets it read a sequence."""

    causal = True  # each output depends on its own and earlier time steps only

    def __init__(self, cell: Cell, read: Read) -> None:
        super().__init__()
        self.cell, self.read, self.units = cell, read, cell.units

    @property
    def variables_by_name(self) -> dict[str, tf.Variable]:
        """The cell's variables."""
        return self.cell.variables_by_name

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """(batch, time steps, features) -> outputs (batch, time steps, units)."""
        return self.read(self.cell, inputs)[0]


class BidirectionalLayer(tf.Module):
    """Two cells, one of which reads from the last time step to the first (Schuster & Paliwal 1997).

    Args:
        forward, backward: the cells.
        read: how each of them reads a sequence.
        last_only: return the final outputs only, as one time step.
    """

    causal = False

    def __init__(self, forward: Cell, backward: Cell, read: Read, last_only: bool) -> None:
        super().__init__()
        self.forward, self.backward = Layer(forward, read), Layer(backward, read)
        self.units, self.last_only = forward.units + backward.units, last_only

    @property
    def variables_by_name(self) -> dict[str, tf.Variable]:
        """The variables of both directions."""
        directions = {"forward": self.forward, "backward": self.backward}
        return {
            f"{direction}.{name}": variable
            for direction, layer in directions.items()
            for name, variable in layer.variables_by_name.items()
        }

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """Both directions' outputs side by side: (batch, time steps or 1, both units)."""
        forward, backward = self.forward(inputs), self.backward(tf.reverse(inputs, axis=[1]))
        if self.last_only:
            # Each direction's own last output: where the forward pass ends, the backward pass has
            # read one time step only.
            return tf.concat([forward[:, -1:], backward[:, -1:]], axis=-1)
        return tf.concat([forward, tf.reverse(backward, axis=[1])], axis=-1)
