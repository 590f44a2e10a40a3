"""Learn the alphabet: a small LSTM on letters, many epochs in one compiled function."""

import itertools
import math
import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_lstm.alphabet import ALPHABET, Framing, Samples, encode, make_samples
from tf_lstm.recurrent import unroll, zero_state
from tf_lstm.training import epoch_order

POINTS = 50  # times that the accuracy is measured in the course of a training


class MaskingCell:
    """A cell around an LSTM's `cell` that keeps the state where a time step is all `padding`."""

    def __init__(self, cell, padding):
        self.cell = cell
        self.padding = padding

    def __call__(self, time_step, states):
        """As any cell: (batch, features) and [hidden, cell_state] -> output, the new pair."""
        _, new_states = self.cell(time_step, states)
        is_read = tf.reduce_any(time_step != self.padding, axis=1, keepdims=True)  # (batch, 1)
        hidden, cell_state = (
            tf.where(is_read, new, old) for new, old in zip(new_states, states, strict=True)
        )
        return hidden, [hidden, cell_state]


class LetterClassifier(tf.Module):
    """An LSTM that reads letters, and says which letter follows.

    Its variables are `weights['out']` (units, 26), `biases['out']` (26,), and the `kernel`,
    `recurrent_kernel` and `bias` of `cell`. There is no input projection: the original has none.

    Args:
        framing: a `Framing`.
        seed: of the initial values, which are drawn as Keras draws them.
    """

    def __init__(self, framing, seed=0):
        super().__init__()
        self.framing = framing
        seeds = [int(word) for word in np.random.SeedSequence(seed).generate_state(3)]
        project_out = tf.keras.initializers.GlorotUniform(seeds[0])
        self.weights = {"out": tf.Variable(project_out((framing.units, len(ALPHABET))))}
        self.biases = {"out": tf.Variable(tf.zeros(len(ALPHABET)))}
        self.cell = tf.keras.layers.LSTMCell(
            framing.units,
            kernel_initializer=tf.keras.initializers.GlorotUniform(seeds[1]),
            recurrent_initializer=tf.keras.initializers.Orthogonal(seed=seeds[2]),
            unit_forget_bias=True,
        )
        self.cell.build((None, framing.features))
        self.cell_in_use = MaskingCell(self.cell, framing.padding) if framing.masked else self.cell
        self.traced = tf.function(self, reduce_retracing=True)

    @property
    def variables_to_train(self):
        """All variables, the LSTM's first."""
        of_cell = [variable.value for variable in self.cell.trainable_variables]
        return [*of_cell, self.weights["out"], self.biases["out"]]

    def __call__(self, inputs, hidden, cell_state):
        """Read on from a state.

        Args:
            inputs: (batch, time steps, features) float32.
            hidden, cell_state: (batch, units) each.

        Returns:
            Logits (batch, 26) of the letter that follows, and the new `hidden` and `cell_state`.
        """
        _, hidden, cell_state = unroll(self.cell_in_use, inputs, hidden, cell_state)
        return hidden @ self.weights["out"] + self.biases["out"], hidden, cell_state

    def predict(self, inputs):
        """The letters that follow `inputs` (samples, time steps, features): (samples,) numbers.

        A stateful network reads one sample after another and keeps its state in between.
        """
        if not self.framing.stateful:
            state = zero_state(len(inputs), self.framing.units)
            return np.argmax(self.traced(inputs, *state)[0], axis=1)
        state, letters = zero_state(1, self.framing.units), []
        for sample in inputs:
            logits, *state = self.traced(sample[np.newaxis], *state)
            letters.append(np.argmax(logits))
        return np.array(letters)

    def recite(self, first, count):
        """Begin with the letter `first` and no state, then read the own predictions: a string."""
        state, string = zero_state(1, self.framing.units), first
        for _ in range(count):
            logits, *state = self.traced(encode(string[-1], self.framing), *state)
            string += ALPHABET[int(np.argmax(logits))]
        return string


class LetterTrainer(tf.Module):
    """A model, its optimizer and the samples: everything that a step depends on."""

    def __init__(self, framing, samples, seed=0):
        super().__init__()
        self.framing, self.samples = framing, samples
        self.model = LetterClassifier(framing, seed)
        adam = tf.keras.optimizers.Adam
        self.optimizer = adam(framing.learning_rate, epsilon=framing.adam_epsilon)
        self.optimizer.build(self.model.variables_to_train)

    def restart(self, seed):
        """Begin again from other initial values; what has been compiled is kept."""
        fresh = LetterTrainer(self.framing, self.samples, seed)
        for mine, other in (
            *zip(self.model.variables_to_train, fresh.model.variables_to_train, strict=True),
            *zip(self.optimizer.variables, fresh.optimizer.variables, strict=True),
        ):
            mine.assign(other)

    def train_step(self, batch, hidden, cell_state):
        """One gradient step on the samples numbered `batch`; returns the state after them.

        The gradient goes back to the beginning of these samples and no further, even where the
        state comes from samples before them.
        """
        inputs = tf.gather(self.samples.inputs, batch)
        labels = tf.gather(self.samples.labels, batch)
        with tf.GradientTape() as tape:
            logits, hidden, cell_state = self.model(inputs, hidden, cell_state)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, self.model.variables_to_train)
        self.optimizer.apply(gradients, self.model.variables_to_train)
        return hidden, cell_state

    # A step on one letter is a few hundred operations on a few numbers each, and starting them
    # takes longer than computing them. XLA compiles all of it to one piece of machine code: 13 µs
    # a step instead of 390 µs, on a machine with 2 cores, after 2 s of compiling.
    @tf.function(jit_compile=True)
    def train_epochs(self, orders):
        """One epoch after another; `orders` (epochs, samples) int32 are the samples' numbers."""
        zeros = zero_state(self.framing.batch_size, self.framing.units)
        for order in orders:
            state = zeros
            for batch in tf.reshape(order, (-1, self.framing.batch_size)):
                state = self.train_step(batch, *(state if self.framing.stateful else zeros))

    def accuracy(self):
        """The part of all samples that the model gets right."""
        return float(np.mean(self.model.predict(self.samples.inputs) == self.samples.labels))


@dataclass(frozen=True)
class Lesson:
    """How a framing was learned, from each of several seeds."""

    framing: Framing
    samples: Samples
    epochs: list[int]  # (points,) after how many epochs the accuracy was measured, from 0 on
    accuracy: np.ndarray  # (seeds, points), on all training samples, 0..1
    model: LetterClassifier  # the last seed's
    seconds: float


def learn(framing, seeds, show):
    """Train a network on a framing from each of `seeds`; `show(text)` is told how it goes."""
    started = time.monotonic()
    trainer = LetterTrainer(framing, make_samples(framing))
    stride = math.ceil(framing.epochs / POINTS)
    epochs = [*range(0, framing.epochs, stride), framing.epochs]
    accuracy = []
    for seed in seeds:
        trainer.restart(seed)
        course = [trainer.accuracy()]
        for first, last in itertools.pairwise(epochs):
            show(
                f"{framing.title}  seed {seed}  epoch {first}/{framing.epochs}   "
                f"accuracy {100 * course[-1]:.2f} %   {time.monotonic() - started:.0f} s"
            )
            trainer.train_epochs(sample_orders(trainer, seed, first, last))
            course.append(trainer.accuracy())
        accuracy.append(course)
    seconds = time.monotonic() - started
    return Lesson(framing, trainer.samples, epochs, np.array(accuracy), trainer.model, seconds)


def sample_orders(trainer, seed, first, last):
    """In which order the epochs after epoch `first` and up to `last` take the samples."""
    count = len(trainer.samples.labels)
    if trainer.framing.shuffled:
        orders = [epoch_order(seed, epoch, count) for epoch in range(first + 1, last + 1)]
    else:
        orders = [np.arange(count, dtype=np.int32)] * (last - first)
    return tf.constant(np.stack(orders))
