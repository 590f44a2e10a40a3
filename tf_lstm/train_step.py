"""The loss, the gradient and the update: one training step, and many steps in one traced loop."""

import numpy as np
import tensorflow as tf

from tf_lstm.data.augmentation import augment_share
from tf_lstm.model import RowClassifier
from tf_lstm.optimizer import clip_gradients, new_optimizer
from tf_lstm.rows import images_to_rows
from tf_lstm.seeds import StepSeeds, step_seeds
from tf_lstm.settings import Recipe


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
    return {"every": last + mean, "mean": mean, "last": last}[loss_rows]


class Trainer(tf.Module):
    """A model, its optimizer and the training images: everything that a step depends on.

    AutoGraph turns a Python `for` over a tensor into a loop in the graph. Only `train_steps` needs
    it; switching it off elsewhere halves the time for tracing.

    Args:
        model: a `RowClassifier`.
        recipe: the settings.
        images, labels: (n, 28, 28) uint8 and (n,) integers. The graph captures them, and a step
            receives indices only, which is the fastest way to feed it.
        total_steps: the number of steps, for the learning-rate schedule.
        seed: determines augmentation, random row orders and dropout.
    """

    def __init__(
        self,
        model: RowClassifier,
        recipe: Recipe,
        images: np.ndarray,
        labels: np.ndarray,
        total_steps: int,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.model, self.recipe, self.seed = model, recipe, seed
        self.images, self.labels = tf.constant(images), tf.constant(labels)
        self.forward = model.__call__
        self.variables_to_train = list(model.variables_by_name.values())
        self.optimizer = new_optimizer(recipe, total_steps)
        # Here, because a traced function cannot create the optimizer's variables.
        self.optimizer.build(self.variables_to_train)
        # Sums over the epoch so far: images, losses after the last row, correct predictions.
        self.totals = tf.Variable(tf.zeros(3), trainable=False)

    def training_rows(self, images: tf.Tensor, seeds: StepSeeds) -> tf.Tensor:
        """Training images (batch, 28, 28), augmented, as (batch, time steps, features)."""
        images = augment_share(images, self.recipe, seeds.augmentation)
        return images_to_rows(images, self.recipe, seed=seeds.row_order)

    @tf.autograph.experimental.do_not_convert  # see the class docstring
    def train_step(self, batch: tf.Tensor) -> None:
        """One step on the training images with the indices `batch`, (batch,) int32."""
        seeds = step_seeds(self.seed, self.optimizer.iterations)
        rows = self.training_rows(tf.gather(self.images, batch), seeds)
        labels = tf.gather(self.labels, batch)
        with tf.GradientTape() as tape:
            logits = self.forward(rows, seeds.dropout)  # (batch, time steps, classes)
            losses = row_losses(logits, labels)  # (batch, time steps)
            # A sum, to which those of other parts of a batch can be added; `update` divides it.
            loss = tf.reduce_sum(objective(losses, self.recipe.loss_rows))
        gradients = tape.gradient(loss, self.variables_to_train)
        predicted = tf.argmax(logits[:, -1], axis=1, output_type=labels.dtype)
        correct = tf.math.count_nonzero(predicted == labels, dtype=tf.float32)
        count = tf.cast(tf.size(batch), tf.float32)
        self.update(gradients, tf.stack([count, tf.reduce_sum(losses[:, -1]), correct]))

    def update(self, gradients: list[tf.Tensor], totals: tf.Tensor) -> None:
        """Update the weights and the epoch's totals.

        Args:
            gradients: the gradients of the objective summed over the batch.
            totals: (3,), the batch's contribution to `self.totals`.
        """
        gradients = [gradient / totals[0] for gradient in gradients]
        gradients = clip_gradients(gradients, self.recipe.global_clipnorm)
        with tf.control_dependencies(gradients):  # the check comes before any update
            self.apply(gradients)
            self.totals.assign_add(totals)

    def apply(self, gradients: list[tf.Tensor]) -> None:
        """Take the optimizer's step."""
        self.optimizer.apply(gradients, self.variables_to_train)

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
