"""A batch computed in independent parts, one for each core.

TensorFlow runs independent operations in parallel. The matrix products of
a time step are too small to occupy several cores, but the parts of a batch are independent from the
rows to the logits, and so are their gradients on the way back.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

from tf_lstm.train_step import Trainer

MAX_INLINED = 4  # with more shards, tracing each of them would take seconds
BatchFunction = Callable[..., tf.Tensor]  # takes a batch, and a seed or a tuple of seeds


def in_shards(function: BatchFunction, shards: int) -> BatchFunction:
    """`function(batch, seed)`, computed on `shards` parts of the batch and concatenated.

    Every part has a seed that depends on its place in the whole batch, even if the batch is itself
    one replica's part of a larger one.
    """

    # A nested graph is traced once for all parts; inlined, the function runs about 5 % faster.
    compute = function if shards <= MAX_INLINED else tf.function(function, autograph=False)

    def sharded(batch: tf.Tensor, seeds: Any) -> tf.Tensor:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        size = tf.shape(batch)[0]
        ends = [size * part // shards for part in range(shards + 1)]
        parts = []
        for part in range(shards):
            place = replica * shards + part
            part_seeds = tf.nest.map_structure(partial(_fold_in, place=place), seeds)
            parts.append(compute(batch[ends[part] : ends[part + 1]], part_seeds))
        return tf.concat(parts, axis=0)

    return sharded


def _fold_in(seed: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, place)


def shard_trainer(trainer: Trainer, shards: int) -> None:
    """Let a trainer prepare its rows and compute its logits in `shards` parts."""
    trainer.training_rows = in_shards(trainer.training_rows, shards)  # type: ignore[assignment]
    trainer.forward = in_shards(trainer.forward, shards)
