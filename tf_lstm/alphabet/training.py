"""Trains a network on a framing of the alphabet: many epochs in one compiled function."""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lstm.alphabet.framings import Framing, Samples, make_samples
from tf_lstm.alphabet.model import LetterClassifier
from tf_lstm.lstm import LSTMState
from tf_lstm.seeds import epoch_order

MEASUREMENTS = 50  # how often the accuracy is measured in a training


class LetterTrainer(tf.Module):
    """A model, its optimizer and the samples: everything that a step depends on."""

    def __init__(self, framing: Framing, samples: Samples, seed: int = 0) -> None:
        super().__init__()
        self.framing, self.samples = framing, samples
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
        zero_state = self.model.layer.zero_state(batch_size)
        for order in orders:
            state = zero_state
            for batch in tf.reshape(order, (-1, batch_size)):
                state = self.train_step(batch, state if self.framing.stateful else zero_state)

    def accuracy(self) -> float:
        """The fraction of all samples whose next letter is predicted correctly."""
        return float(np.mean(self.model.predict(self.samples.inputs) == self.samples.labels))


class FramingResult(NamedTuple):
    """How well a framing was learned with each of several seeds."""

    framing: Framing
    samples: Samples
    epochs: list[int]  # (points,) the epochs after which the accuracy was measured, from 0
    accuracy: np.ndarray  # (seeds, points), on all training samples, 0 to 1
    model: LetterClassifier  # trained with the last seed
    seconds: float


def train_framing(
    framing: Framing, seeds: Sequence[int], show_progress: Callable[[str], None]
) -> FramingResult:
    """Train with each of `seeds`, which determine the initial values and the order of samples."""
    started = time.monotonic()
    trainer = LetterTrainer(framing, make_samples(framing))
    in_order = np.arange(len(trainer.samples.labels))
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
        framing, trainer.samples, epochs, np.array(accuracy), trainer.model, seconds
    )
