"""The loss, the gradient and the update: one training step, and many steps in one traced loop."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_lstm.data.augmentation import LIMITS, augment_selected, sample_distortions, select_share
from tf_lstm.model import RowClassifier
from tf_lstm.optimizer import mean_gradients, new_optimizer
from tf_lstm.rows import order_rows, sample_row_keys, to_time_steps
from tf_lstm.seeds import step_seeds
from tf_lstm.settings import Recipe

# The images and labels of a training step, and the random numbers that it needs. The first axis of
# every tensor is the batch's, so that a part of a batch is computed as the whole would be.
Batch = dict[str, tf.Tensor]
# The gradients summed over a batch, and (3,): images, sum of last losses, correct predictions.
Sums = tuple[list[tf.Tensor], tf.Tensor]


def row_losses(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Softmax cross-entropy after every row, in nats: (batch, time steps).

    Args:
        logits: (batch, time steps, classes).
        labels: (batch,) integers.
    """
    labels_by_row = tf.repeat(labels[:, tf.newaxis], logits.shape[1], axis=1)
    # From logits: the logarithm of a softmax that underflows to 0 would be -inf.
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels_by_row, logits)


def objective(losses: tf.Tensor, loss_rows: str) -> tf.Tensor:
    """The quantity to minimize, for each image: (batch, time steps) -> (batch,)."""
    last, mean = losses[:, -1], tf.reduce_mean(losses, axis=1)
    return {"all_and_last": mean + last, "all": mean, "last": last}[loss_rows]


def training_rows(batch: Batch, recipe: Recipe) -> tf.Tensor:
    """The images of a batch, augmented and ordered, as (batch, time steps, features)."""
    images = batch["images"]
    if recipe.augment != "none":
        limits = LIMITS[recipe.augment]
        images = augment_selected(images, batch["selected"], batch["distortions"], limits)
    return to_time_steps(order_rows(images, recipe.row_order, batch.get("row_keys")), recipe)


def sum_gradients(model: RowClassifier, batch: Batch) -> Sums:
    """The gradients of the objective, summed over a batch, and its contribution to the totals."""
    rows, labels = training_rows(batch, model.recipe), batch["labels"]
    with tf.GradientTape() as tape:
        logits = model(rows, batch.get("dropout_masks"))  # (batch, time steps, classes)
        losses = row_losses(logits, labels)  # (batch, time steps)
        loss = tf.reduce_sum(objective(losses, model.recipe.loss_rows))
    gradients = tape.gradient(loss, list(model.variables_by_name.values()))
    predicted = tf.argmax(logits[:, -1], axis=1, output_type=labels.dtype)
    correct = tf.math.count_nonzero(predicted == labels, dtype=tf.float32)
    count = tf.cast(tf.size(labels), tf.float32)
    return gradients, tf.stack([count, tf.reduce_sum(losses[:, -1]), correct])


class Trainer(tf.Module):
    """A model, its optimizer and the training images: everything that a step depends on.

    AutoGraph turns a Python `for` over a tensor into a loop in the graph. Only `train_steps` needs
    it; switching it off elsewhere halves the time for tracing.

    Args:
        model: a `RowClassifier`.
        images, labels: (n, 28, 28) uint8 and (n,) integers. The graph captures them, and a step
            receives indices only, which is the fastest way to feed it.
        total_steps: the number of steps, for the learning-rate schedule.
        seed: determines augmentation, random row orders and dropout.
        sum_gradients: computes the sums of a batch.
    """

    def __init__(
        self,
        model: RowClassifier,
        images: np.ndarray,
        labels: np.ndarray,
        total_steps: int,
        seed: int = 0,
        sum_gradients: Callable[[RowClassifier, Batch], Sums] = sum_gradients,
    ) -> None:
        super().__init__()
        self.model, self.recipe, self.seed = model, model.recipe, seed
        self.images, self.labels = tf.constant(images), tf.constant(labels)
        self.sum_gradients = sum_gradients
        self.variables_to_train = list(model.variables_by_name.values())
        self.optimizer = new_optimizer(self.recipe, total_steps)
        # Here, because a traced function cannot create the optimizer's variables.
        self.optimizer.build(self.variables_to_train)
        # Sums over the epoch so far: images, losses after the last row, correct predictions.
        self.totals = tf.Variable(tf.zeros(3), trainable=False)

    def sample_batch(self, indices: tf.Tensor) -> Batch:
        """The training images with these indices, (batch,) int32, and the step's random numbers."""
        recipe, count = self.recipe, tf.size(indices)
        seeds = step_seeds(self.seed, self.optimizer.iterations)
        batch = {
            "images": tf.gather(self.images, indices),
            "labels": tf.gather(self.labels, indices),
        }
        if recipe.augment != "none":
            batch["selected"] = select_share(count, recipe.augmented_share)
            batch["distortions"] = sample_distortions(count, seeds.augmentation)
        if recipe.row_order == "shuffled":
            batch["row_keys"] = sample_row_keys(count, seeds.row_order)
        if recipe.dropout:
            # A mask for every image, layer and row, as in TensorFlow 1's DropoutWrapper.
            shape = (count, recipe.layers, recipe.time_steps, self.model.layers[0].units)
            ones = tf.ones(shape)
            batch["dropout_masks"] = tf.nn.experimental.stateless_dropout(
                ones, recipe.dropout, seeds.dropout
            )
        return batch

    @tf.autograph.experimental.do_not_convert  # see the class docstring
    def train_step(self, indices: tf.Tensor) -> None:
        """One step on the training images with these indices, (batch,) int32."""
        gradients, totals = self.sum_gradients(self.model, self.sample_batch(indices))
        gradients = mean_gradients(gradients, count=totals[0], clipnorm=self.recipe.global_clipnorm)
        with tf.control_dependencies(gradients):  # their check comes before any update
            self.optimizer.apply(gradients, self.variables_to_train)
            self.totals.assign_add(totals)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)])
    def train_steps(self, order: tf.Tensor) -> None:
        """Train on the images with the indices `order`, in batches, without returning to Python.

        The last batch is smaller where the batch size does not divide the number of images.
        """
        batch_size = self.recipe.batch_size
        for start in tf.range(0, tf.size(order), batch_size):
            self.train_step(order[start : start + batch_size])

    def epoch_metrics(self) -> tuple[float, float]:
        """Running means over the epoch: the loss after the last row, in nats, and the accuracy."""
        count, loss, correct = tf.convert_to_tensor(self.totals).numpy().tolist()
        return loss / max(1, count), correct / max(1, count)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return float(tf.convert_to_tensor(self.optimizer.learning_rate))

    @property
    def step(self) -> int:
        """The number of steps taken."""
        return int(tf.convert_to_tensor(self.optimizer.iterations))
