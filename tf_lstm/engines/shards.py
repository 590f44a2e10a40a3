"""A batch computed in independent parts, one for each core.

TensorFlow runs independent operations in parallel. The matrix products of a time step are too small
to occupy several cores, but the parts of a batch are independent from the rows to the gradients.
"""

from collections.abc import Callable

import tensorflow as tf

from tf_lstm.model import RowClassifier
from tf_lstm.train_step import Batch, Sums

MAX_INLINED = 4  # with more shards, tracing each of them would take seconds
SMALLEST_SHARD = 8  # images; smaller matrix products take no less time

SumGradients = Callable[[RowClassifier, Batch], Sums]


def useful_shards(shards: int, batch_size: int) -> int:
    """`shards`, or fewer if the shards of a batch would be tiny."""
    return max(1, min(shards, batch_size // SMALLEST_SHARD))


def in_shards(sum_gradients: SumGradients, shards: int) -> SumGradients:
    """`sum_gradients`, computed on `shards` parts of a batch, whose sums are added."""
    if shards == 1:
        return sum_gradients
    # A nested graph is traced once for all parts; inlined, the function runs about 5 % faster.
    compute = sum_gradients
    if shards > MAX_INLINED:
        compute = tf.function(sum_gradients, autograph=False, reduce_retracing=True)

    def sharded(model: RowClassifier, batch: Batch) -> Sums:
        parts = [compute(model, part_of(batch, part, shards)) for part in range(shards)]
        return tf.nest.map_structure(lambda *sums: tf.add_n(sums), *parts)

    return sharded


def part_of(batch: Batch, part: int | tf.Tensor, parts: int) -> Batch:
    """One of several parts of a batch, of about the same size; `part` counts from 0."""
    size = tf.shape(batch["labels"])[0]
    start, end = size * part // parts, size * (part + 1) // parts
    return {name: values[start:end] for name, values in batch.items()}
