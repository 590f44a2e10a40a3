"""Several devices or several machines, with TensorFlow's own `tf.distribute` strategies.

A strategy keeps a copy of every variable on each of its replicas; `DistributedTrainer` lets each
replica compute its part of every batch. `cluster` reads the configuration of several workers.
"""

from typing import Any

import tensorflow as tf

from tf_lstm.data.dataset import Dataset
from tf_lstm.engines.cluster import cluster_and_task, wait_for_workers
from tf_lstm.engines.shards import shard_trainer
from tf_lstm.model import RowClassifier
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.startup import cores
from tf_lstm.train_step import Trainer


class WorkerLostError(Exception):
    """Another worker has ended or cannot be reached any more."""


class DistributedTrainer(Trainer):
    """A `Trainer` on all replicas of a strategy. Create it and its model in the strategy's scope.

    Each replica takes the plain step on its part of the batch. The gradients are summed over the
    replicas before they are clipped.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.strategy = tf.distribute.get_strategy()
        same = tf.VariableAggregation.ONLY_FIRST_REPLICA  # all replicas assign the same values
        self.totals = tf.Variable(tf.zeros(3), trainable=False, aggregation=same)

    @tf.autograph.experimental.do_not_convert
    def train_step(self, batch: tf.Tensor) -> None:
        """As `Trainer.train_step`, on all replicas together."""
        self.strategy.run(self.replica_step, args=(batch,))

    def replica_step(self, batch: tf.Tensor) -> None:
        """The plain step on this replica's part of the batch."""
        context = tf.distribute.get_replica_context()
        replica, size = context.replica_id_in_sync_group, tf.size(batch)
        start, end = (
            size * (replica + offset) // context.num_replicas_in_sync for offset in (0, 1)
        )
        super().train_step(batch[start:end])

    def update(self, gradients: list[tf.Tensor], totals: tf.Tensor) -> None:
        """As `Trainer.update`, with the sums over all replicas."""
        context = tf.distribute.get_replica_context()
        totals, *gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, [totals, *gradients])
        super().update(gradients, totals)

    def apply(self, gradients: list[tf.Tensor]) -> None:
        """As `Trainer.apply`. A Keras optimizer sums over replicas again, hence the division."""
        replicas = self.strategy.num_replicas_in_sync
        super().apply([gradient / replicas for gradient in gradients])

    def train_steps(self, order: tf.Tensor) -> None:
        """As `Trainer.train_steps`.

        Raises:
            WorkerLostError: another worker has ended.
        """
        lost = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
        try:
            super().train_steps(order)
        except lost as error:
            raise WorkerLostError("another worker has ended or cannot be reached") from error


def new_strategy(name: str, replicas: int | None = None) -> tf.distribute.Strategy:
    """Create a `tf.distribute` strategy; must be called before TensorFlow computes anything.

    Args:
        name: one of `STRATEGIES`.
        replicas: how many "mirrored" has; None for one on each GPU, or two without a GPU. Without
            GPUs they are logical CPU devices.

    Raises:
        UserError: there are too few GPUs, TF_CONFIG is wrong, or a worker is missing.
    """
    if name == "mirrored":
        gpus = tf.config.list_logical_devices("GPU") if tf.config.get_visible_devices("GPU") else []
        if not gpus:
            logical = [tf.config.LogicalDeviceConfiguration()] * (replicas or 2)
            (processor,) = tf.config.list_physical_devices("CPU")
            tf.config.set_logical_device_configuration(processor, logical)
            return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(len(logical))])
        if replicas and replicas > len(gpus):
            raise UserError(f"--replicas {replicas} is too large: GPUs found here: {len(gpus)}.")
        return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus[:replicas]])
    if name == "multi-worker":
        wait_for_workers(*cluster_and_task())
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def count_shards(name: str, strategy: tf.distribute.Strategy) -> int:
    """The number of shards that keeps all cores of a replica busy."""
    if tf.config.get_visible_devices("GPU"):
        return 1
    return max(1, cores() // strategy.num_replicas_in_sync) if name == "mirrored" else cores()


def new_trainer(
    model: RowClassifier, dataset: Dataset, total_steps: int, seed: int, shards: int
) -> Trainer:
    """A trainer for the current strategy; each replica splits its part into `shards` shards."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    trainer_type = DistributedTrainer if replicas > 1 else Trainer
    images, labels = dataset.train.images, dataset.train.labels
    trainer = trainer_type(model, model.recipe, images, labels, total_steps, seed)
    if replicas * shards > 1:
        shard_trainer(trainer, shards)
    return trainer
