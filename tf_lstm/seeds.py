"""Every random choice of a run, as a function of its seed and of the step or epoch.

These functions keep no state, so a resumed training samples what the interrupted one would have
sampled.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class StepSeeds(NamedTuple):
    """The seeds of one training step, each (2,) int64; no two random operations share one."""

    augmentation: tf.Tensor
    row_order: tf.Tensor
    dropout: tf.Tensor


def initializer_seeds(seed: int, count: int) -> list[int]:
    """The seeds of `count` initializers; the first ones do not depend on `count`."""
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(count)]


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order in which an epoch visits the training images: a permutation, (count,) int32."""
    return np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32)


def step_seeds(seed: int, step: tf.Tensor) -> StepSeeds:
    """The seeds of training step `step`, a scalar."""
    base = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    # 64 bits, as int32 seeds would repeat by chance within a long training.
    numbers = [tf.constant(number, tf.int64) for number in range(len(StepSeeds._fields))]
    return StepSeeds(*(tf.random.experimental.stateless_fold_in(base, n) for n in numbers))
