"""Cells: what a layer computes in one time step, as equations and as Keras' own classes.

An LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000) has an input gate i, a forget
gate f, an output gate o, and a candidate g:

    i, f, g, o = split(inputs · kernel + hidden · recurrent_kernel + bias)
    cell_state = sigmoid(f) * cell_state + sigmoid(i) * tanh(g)
    hidden     = sigmoid(o) * tanh(cell_state)

A GRU (Cho et al. 2014) has an update gate z, a reset gate r and a candidate g, and its only state
is `hidden`. A simple RNN (Elman 1990) has no gates.

To add a cell, write a subclass of `Cell` and give it a name in `settings.CELLS`.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from tf_lstm.initializers import initial_kernels


class HiddenState(NamedTuple):
    """What a GRU or a simple RNN carries from one time step to the next."""

    hidden: tf.Tensor  # (batch, units); also the output


class LSTMState(NamedTuple):
    """What an LSTM carries from one time step to the next."""

    hidden: tf.Tensor  # (batch, units); also the output
    cell_state: tf.Tensor  # (batch, units)


class Cell(tf.Module):
    """One time step: variables, zero state, and `step`, which a subclass defines.

    Args:
        features: size of a time step.
        units: size of the hidden state.
        seeds: an iterator over seeds; the cell takes two.
        initializer: as in `Recipe`.
        forget_bias: the initial bias of the forget gate, for cells that have one. From an array
            (units,), the input gate gets the negative values: a unit that keeps much takes in
            little.
        dtype: the type of the variables and states.
    """

    blocks: ClassVar[int] = 1  # of `units` columns in the kernels, one for each gate or candidate
    state_type: Any = HiddenState  # a NamedTuple of tensors (batch, units)

    def __init__(
        self,
        features: int,
        units: int,
        seeds: Iterator[int],
        initializer: str = "glorot",
        forget_bias: float | np.ndarray = 1.0,
        dtype: tf.DType = tf.float32,
    ) -> None:
        super().__init__()
        self.units, self.dtype = units, dtype
        kernels = initial_kernels(features, units, self.blocks, initializer, seeds, dtype)
        self.kernel, self.recurrent_kernel = map(tf.Variable, kernels)
        bias = tf.cast(self.initial_bias(units, forget_bias), dtype)
        self.bias = tf.Variable(bias, name="bias")
        # Traced once, called for every time step: 28 copies take four times as long to trace.
        self.traced_step = tf.function(self.step, autograph=False)

    @classmethod
    def initial_bias(cls, units: int, forget_bias: float | np.ndarray) -> np.ndarray:
        """The initial value of `bias`."""
        return np.zeros(cls.blocks * units)

    @property
    def variables_by_name(self) -> dict[str, tf.Variable]:
        """All variables, in the order in which they were created."""
        return {name: v for name, v in vars(self).items() if isinstance(v, tf.Variable)}

    def zero_state(self, batch_size: int | tf.Tensor) -> Any:
        """The state before the first time step."""
        zeros = tf.zeros((batch_size, self.units), self.dtype)
        return self.state_type(*(zeros for _ in self.state_type._fields))

    def step(self, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """One time step (batch, features) -> output (batch, units) and the new state."""
        raise NotImplementedError


class LSTM(Cell):
    """The equations at the top of this file."""

    blocks = 4
    state_type = LSTMState

    @classmethod
    def initial_bias(cls, units: int, forget_bias: float | np.ndarray) -> np.ndarray:
        """Zeros, but `forget_bias` for the forget gate, so that it starts open."""
        forget = np.broadcast_to(forget_bias, (units,))
        input_bias = -forget if isinstance(forget_bias, np.ndarray) else np.zeros(units)
        return np.concatenate([input_bias, forget, np.zeros(2 * units)])

    def gates(self, inputs: tf.Tensor, state: LSTMState) -> dict[str, tf.Tensor]:
        """The values of the gates and of the candidate, each (batch, units)."""
        sums = inputs @ self.kernel + state.hidden @ self.recurrent_kernel + self.bias
        i, f, g, o = tf.split(sums, 4, axis=1)  # (batch, 4 * units) -> 4 × (batch, units)
        return {"i": tf.sigmoid(i), "f": tf.sigmoid(f), "g": tf.tanh(g), "o": tf.sigmoid(o)}

    def step(self, inputs: tf.Tensor, state: LSTMState) -> tuple[tf.Tensor, LSTMState]:
        """As in `Cell`."""
        i, f, g, o = self.gates(inputs, state).values()
        cell_state = f * state.cell_state + i * g
        hidden = o * tf.tanh(cell_state)
        return hidden, LSTMState(hidden, cell_state)


class GRU(Cell):
    """A gated recurrent unit, in the form that cuDNN and Keras compute (`reset_after=True`)."""

    blocks = 3

    @classmethod
    def initial_bias(cls, units: int, forget_bias: float | np.ndarray) -> np.ndarray:
        """Zeros: one bias for the inputs, and one for the hidden state."""
        return np.zeros((2, cls.blocks * units))

    def gates(self, inputs: tf.Tensor, state: HiddenState) -> dict[str, tf.Tensor]:
        """The values of the gates and of the candidate, each (batch, units)."""
        bias, recurrent_bias = tf.unstack(self.bias)
        z, r, g = tf.split(inputs @ self.kernel + bias, 3, axis=1)
        sums = state.hidden @ self.recurrent_kernel + recurrent_bias
        hidden_z, hidden_r, hidden_g = tf.split(sums, 3, axis=1)
        r = tf.sigmoid(r + hidden_r)
        return {"z": tf.sigmoid(z + hidden_z), "r": r, "g": tf.tanh(g + r * hidden_g)}

    def step(self, inputs: tf.Tensor, state: HiddenState) -> tuple[tf.Tensor, HiddenState]:
        """As in `Cell`."""
        z, _, g = self.gates(inputs, state).values()
        hidden = z * state.hidden + (1 - z) * g
        return hidden, HiddenState(hidden)


class RNN(Cell):
    """A simple recurrent network: the new hidden state and nothing else."""

    def gates(self, inputs: tf.Tensor, state: HiddenState) -> dict[str, tf.Tensor]:
        """None: nothing decides what is kept."""
        return {}

    def step(self, inputs: tf.Tensor, state: HiddenState) -> tuple[tf.Tensor, HiddenState]:
        """As in `Cell`."""
        sums = inputs @ self.kernel + state.hidden @ self.recurrent_kernel + self.bias
        hidden = tf.tanh(sums)  # (batch, units)
        return hidden, HiddenState(hidden)


# Keras' class for the equations and variables of exactly this class, not of one derived from it.
KERAS_CLASSES: dict[type[Cell], Any] = {
    LSTM: tf.keras.layers.LSTMCell,
    GRU: tf.keras.layers.GRUCell,
    RNN: tf.keras.layers.SimpleRNNCell,
}


class KerasCell(Cell):
    """A cell whose variables and step are those of Keras' own class.

    Args:
        cell_type: the class with the same equations, one of `KERAS_CLASSES`.
        features, units, seeds, initializer, forget_bias, dtype: as for `Cell`; the initial values
            are those of `cell_type`.
    """

    def __init__(
        self,
        cell_type: type[Cell],
        features: int,
        units: int,
        seeds: Iterator[int],
        initializer: str = "glorot",
        forget_bias: float | np.ndarray = 1.0,
        dtype: tf.DType = tf.float32,
    ) -> None:
        tf.Module.__init__(self)  # not Cell's, which would create the variables
        self.units, self.dtype, self.state_type = units, dtype, cell_type.state_type
        self.keras_cell = KERAS_CLASSES[cell_type](
            units,
            kernel_initializer="zeros",
            recurrent_initializer="zeros",
            dtype=tf.as_dtype(dtype).name,
        )
        self.keras_cell.build((None, features))
        kernels = initial_kernels(features, units, cell_type.blocks, initializer, seeds, dtype)
        self.keras_cell.set_weights([*kernels, cell_type.initial_bias(units, forget_bias)])
        self.kernel, self.recurrent_kernel, self.bias = (
            variable.value for variable in self.keras_cell.trainable_variables
        )
        self.traced_step = tf.function(self.step, autograph=False)

    def step(self, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """As in `Cell`."""
        output, states = self.keras_cell(inputs, list(state))
        return output, self.state_type(*states)
