"""Several devices or several machines, with TensorFlow's own `tf.distribute` strategies.

A strategy keeps a copy of every variable on each of its replicas; `DistributedTrainer` lets each
replica compute its part of every batch. `cluster` reads the configuration of several workers.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf_lstm.data.dataset import Dataset
from tf_lstm.engines.cluster import cluster_and_task, wait_for_workers
from tf_lstm.engines.shards import in_shards, part_of, useful_shards
from tf_lstm.model import RowClassifier
from tf_lstm.optimizer import mean_gradients
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.startup import cores
from tf_lstm.train_step import Trainer, sum_gradients


class WorkerLostError(Exception):
    """Another worker has ended or cannot be reached any more."""


class DistributedTrainer(Trainer):
    """A `Trainer` on all replicas of a strategy. Create it and its model in the strategy's scope.

    Each replica computes the sums of its part of the batch, and all take the same step with the
    sums of the whole batch.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.strategy = tf.distribute.get_strategy()
        same = tf.VariableAggregation.ONLY_FIRST_REPLICA  # all replicas assign the same values
        self.totals = tf.Variable(tf.zeros(3), trainable=False, aggregation=same)

    @tf.autograph.experimental.do_not_convert
    def train_step(self, indices: tf.Tensor) -> None:
        """As `Trainer.train_step`, on all replicas together."""
        self.strategy.run(self.replica_step, args=(indices,))

    def replica_step(self, indices: tf.Tensor) -> None:
        """This replica's part of a step."""
        context = tf.distribute.get_replica_context()
        replica, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync
        batch = part_of(self.sample_batch(indices), replica, replicas)
        gradients, totals = self.sum_gradients(self.model, batch)
        totals, *gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, [totals, *gradients])
        gradients = mean_gradients(gradients, count=totals[0], clipnorm=self.recipe.global_clipnorm)
        with tf.control_dependencies(gradients):
            # A Keras optimizer sums over the replicas again, hence the division.
            gradients = [gradient / replicas for gradient in gradients]
            self.optimizer.apply(gradients, self.variables_to_train)
            self.totals.assign_add(totals)

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


def new_strategy(
    name: str, replicas: int | None = None, compared: Mapping[str, object] | None = None
) -> tf.distribute.Strategy:
    """Create a `tf.distribute` strategy; must be called before TensorFlow computes anything.

    Args:
        name: one of `STRATEGIES`.
        replicas: how many "mirrored" has; None for one on each GPU, or two without a GPU. Without
            GPUs they are logical CPU devices.
        compared: values by name, which must be the same for all of several workers.

    Raises:
        UserError: there are too few GPUs, TF_CONFIG is wrong, or a worker is missing or has other
            values.
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
        wait_for_workers(*cluster_and_task(), compared)
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def count_shards(strategy: tf.distribute.Strategy, name: str, batch_size: int) -> int:
    """The number of shards that keeps all cores of a replica busy.

    Args:
        strategy: the strategy, which is one of `STRATEGIES` by its `name`.
        batch_size: the size of the whole batch.
    """
    if tf.config.get_visible_devices("GPU"):
        return 1
    replicas = strategy.num_replicas_in_sync
    cores_of_replica = cores() // replicas if name == "mirrored" else cores()
    return useful_shards(cores_of_replica, batch_size // replicas)


def new_trainer(
    model: RowClassifier, dataset: Dataset, total_steps: int, seed: int, shards: int
) -> Trainer:
    """A trainer for the current strategy; each replica splits its part into `shards` shards."""
    distributed = tf.distribute.get_strategy().num_replicas_in_sync > 1
    trainer_type = DistributedTrainer if distributed else Trainer
    return trainer_type(
        model,
        dataset.train.images,
        dataset.train.labels,
        total_steps,
        seed,
        in_shards(sum_gradients, shards),
    )
