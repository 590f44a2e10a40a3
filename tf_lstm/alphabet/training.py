"""The network that predicts a letter, and its training in one compiled function."""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lstm.alphabet.framings import ALPHABET, Framing, Samples, encode, make_samples
from tf_lstm.cells import LSTM, KerasCell, LSTMState
from tf_lstm.initializers import new_projection
from tf_lstm.recurrence import Step, loop, unroll
from tf_lstm.seeds import epoch_order, initializer_seeds

MEASUREMENTS = 50  # how often the accuracy is measured in a training


def masked(step: Step, padding: float) -> Step:
    """A step that leaves the state as it is where all features of a time step are `padding`."""

    def masked_step(time_step: tf.Tensor, state: LSTMState) -> tuple[tf.Tensor, LSTMState]:
        _, new_state = step(time_step, state)
        is_letter = tf.reduce_any(time_step != padding, axis=1, keepdims=True)  # (batch, 1)
        state = tf.nest.map_structure(
            lambda new, old: tf.where(is_letter, new, old), new_state, state
        )
        return state.hidden, state  # the output of padding is the previous one

    return masked_step


class LetterClassifier(tf.Module):
    """An LSTM that reads letters and predicts one.

    The variables are `weights['out']` (units, 26), `biases['out']` (26,), and the `kernel`,
    `recurrent_kernel` and `bias` of `cell`. Like the article's network, it has no input
    projection. `seed` determines the initial values.
    """

    def __init__(self, framing: Framing, seed: int = 0) -> None:
        super().__init__()
        self.framing = framing
        out_seed, *layer_seeds = initializer_seeds(seed, 3)
        projection = new_projection(framing.units, len(ALPHABET), "glorot", out_seed, tf.float32)
        self.weights, self.biases = ({"out": variable} for variable in projection)
        self.cell = KerasCell(LSTM, framing.features, framing.units, iter(layer_seeds))
        self.variables_to_train = [*self.cell.variables_by_name.values(), *projection]
        # Not `traced_step`: inside XLA's compiled loop it is over 100 times slower.
        self.step = masked(self.cell.step, framing.padding) if framing.masked else self.cell.step
        self.traced = tf.function(self, reduce_retracing=True)

    def __call__(self, inputs: tf.Tensor, state: LSTMState) -> tuple[tf.Tensor, LSTMState]:
        """Read `inputs` (batch, time steps, features) float32, starting from `state`.

        Returns:
            The logits (batch, 26) after the last time step, and the state there.
        """
        outputs, state = unroll(self.step, inputs, state)  # (batch, time steps, units)
        return outputs[:, -1] @ self.weights["out"] + self.biases["out"], state

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """The index of the letter predicted for each sample (time steps, features).

        A stateful network reads the samples in order and keeps its state between them.
        """
        return self.letters(inputs).numpy()

    @tf.function(reduce_retracing=True)
    def letters(self, inputs: tf.Tensor) -> tf.Tensor:
        """As `predict`, as a traced function: (samples, time steps, features) -> (samples,)."""
        if not self.framing.stateful:
            logits, _ = self(inputs, self.cell.zero_state(tf.shape(inputs)[0]))
        else:
            _, time_steps, features = inputs.shape
            one_sample = tf.reshape(inputs, (1, -1, features))
            outputs, _ = loop(self.step, one_sample, self.cell.zero_state(1))
            outputs = outputs[0, time_steps - 1 :: time_steps]  # (samples, units)
            logits = outputs @ self.weights["out"] + self.biases["out"]
        return tf.argmax(logits, axis=1)

    def generate(self, first: str, count: int) -> str:
        """`first` and `count` more letters, each predicted from the one before; from zero state."""
        state, string = self.cell.zero_state(1), first
        for _ in range(count):
            logits, state = self.traced(encode(string[-1], self.framing), state)
            string += ALPHABET[int(np.argmax(logits))]
        return string


class LetterTrainer(tf.Module):
    """A model, its optimizer and the samples: everything that a step depends on."""

    def __init__(self, framing: Framing, samples: Samples, seed: int = 0) -> None:
        super().__init__()
        self.framing, self.samples = framing, samples
        self.held_out = make_samples(framing, held_out=True)
        self.model = LetterClassifier(framing, seed)
        self.optimizer = tf.keras.optimizers.Adam(learning_rate=1e-3, epsilon=1e-7)
        self.optimizer.build(self.model.variables_to_train)

    def restart(self, seed: int) -> None:
        """Reset all variables to those of a new trainer; compiled functions are kept."""
        fresh = LetterTrainer(self.framing, self.samples, seed)
        for variable, initial in (
            *zip(self.model.variables_to_train, fresh.model.variables_to_train, strict=True),
            *zip(self.optimizer.variables, fresh.optimizer.variables, strict=True),
        ):
            variable.assign(initial)

    def train_step(self, batch: tf.Tensor, state: LSTMState) -> LSTMState:
        """One step on the samples with the indices `batch`; returns the state after them.

        The gradient does not flow back into earlier samples, even if `state` comes from them.
        """
        inputs = tf.gather(self.samples.inputs, batch)
        labels = tf.gather(self.samples.labels, batch)
        with tf.GradientTape() as tape:
            logits, state = self.model(inputs, state)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, self.model.variables_to_train)
        self.optimizer.apply(gradients, self.model.variables_to_train)
        return state

    # A step on one letter consists of a few hundred operations on a few numbers each, which take
    # longer to start than to compute. XLA compiles them into one piece of machine code: 13 µs per
    # step instead of 390 µs on a machine with 2 cores, after 2 s of compilation.
    @tf.function(jit_compile=True)
    def train_epochs(self, orders: tf.Tensor) -> None:
        """Train for some epochs; `orders` (epochs, samples) int32 are indices of samples."""
        batch_size = self.framing.batch_size
        zero_state = self.model.cell.zero_state(batch_size)
        for order in orders:
            state = zero_state
            for batch in tf.reshape(order, (-1, batch_size)):
                state = self.train_step(batch, state if self.framing.stateful else zero_state)

    def accuracy(self) -> float:
        """The fraction of the held-out samples whose letter is predicted correctly."""
        return float(np.mean(self.model.predict(self.held_out.inputs) == self.held_out.labels))


class FramingResult(NamedTuple):
    """How well a framing was learned with each of several seeds."""

    framing: Framing
    held_out: Samples  # the samples on which the accuracy was measured
    epochs: list[int]  # (points,) the epochs after which the accuracy was measured, from 0
    accuracy: np.ndarray  # (seeds, points), 0 to 1
    model: LetterClassifier  # trained with the last seed
    seconds: float


def train_framing(
    framing: Framing, seeds: Sequence[int], show_progress: Callable[[str], None]
) -> FramingResult:
    """Train with each of `seeds`, which determine the initial values and the order of samples."""
    started = time.monotonic()
    trainer = LetterTrainer(framing, make_samples(framing))
    # A batch has one sample of each of `batch_size` parts, so that a state is kept along each part.
    in_order = np.arange(len(trainer.samples.labels)).reshape(framing.batch_size, -1).T.ravel()
    stride = math.ceil(framing.epochs / MEASUREMENTS)
    epochs = [*range(0, framing.epochs, stride), framing.epochs]
    accuracy = []
    for seed in seeds:
        trainer.restart(seed)
        curve = [trainer.accuracy()]
        for first, last in itertools.pairwise(epochs):
            show_progress(
                f"{framing.title}  seed {seed}  epoch {first}/{framing.epochs}   "
                f"accuracy {100 * curve[-1]:.2f} %   {time.monotonic() - started:.0f} s"
            )
            orders = [
                epoch_order(seed, epoch, len(in_order)) if framing.shuffled else in_order
                for epoch in range(first + 1, last + 1)
            ]
            trainer.train_epochs(tf.constant(np.stack(orders), tf.int32))
            curve.append(trainer.accuracy())
        accuracy.append(curve)
    seconds = time.monotonic() - started
    return FramingResult(
        framing, trainer.held_out, epochs, np.array(accuracy), trainer.model, seconds
    )
