"""Keras' optimizer and learning-rate schedule; clipping of gradients, which must be finite."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from tf_lstm.model import OUTPUT_WEIGHTS
from tf_lstm.settings import Recipe

NOT_FINITE = "the gradient is not finite"


class NonFiniteGradientError(ArithmeticError):
    """A gradient is infinite or not a number; no weight was updated with it."""


def new_muon(
    recipe: Recipe, learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule
) -> tf.keras.optimizers.Optimizer:
    """Orthogonalized steps (Jordan et al. 2024) of the size of Adam's (Liu et al. 2025).

    Only matrices inside the network use these steps and weight decay. Biases and the output
    projection use Adam without weight decay, as the authors advise.
    """

    class Muon(tf.keras.optimizers.Muon):  # here, because older versions of Keras have none
        def _should_use_adamw(self, variable: tf.Variable) -> bool:
            # Keras' own method looks at a path, which a tf.Variable does not have. A GRU's bias is
            # a matrix by its shape only.
            is_matrix = len(variable.shape) == 2 and "bias" not in variable.name
            return not is_matrix or variable.name.startswith(OUTPUT_WEIGHTS)

    return Muon(
        learning_rate,
        epsilon=recipe.epsilon,
        weight_decay=recipe.weight_decay,
        adam_weight_decay=None,
    )


def new_optimizer(recipe: Recipe, total_steps: int) -> tf.keras.optimizers.Optimizer:
    """The recipe's optimizer; a cosine schedule ends at step `total_steps`."""
    learning_rate = recipe.learning_rate
    if recipe.lr_schedule == "cosine":
        warmup_steps = min(recipe.warmup_steps, total_steps // 2)
        learning_rate = tf.keras.optimizers.schedules.CosineDecay(
            # Not 0: the first step would be wasted.
            initial_learning_rate=recipe.learning_rate / max(1, warmup_steps),
            decay_steps=max(1, total_steps - warmup_steps),
            warmup_target=recipe.learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    if recipe.optimizer == "muon":
        return new_muon(recipe, learning_rate)
    optimizers = {"adam": tf.keras.optimizers.Adam, "rmsprop": tf.keras.optimizers.RMSprop}
    return optimizers[recipe.optimizer](learning_rate, epsilon=recipe.epsilon)


def mean_gradients(
    sums: list[tf.Tensor], count: tf.Tensor, clipnorm: float | None
) -> list[tf.Tensor]:
    """Gradients summed over `count` images -> their means, clipped to the global norm `clipnorm`.

    Fails if a gradient is not finite; see `finite_gradients`.
    """
    gradients = [gradient / count for gradient in sums]
    largest = tf.reduce_max(tf.stack([tf.reduce_max(tf.abs(g)) for g in gradients]))
    largest = tf.debugging.check_numerics(largest, NOT_FINITE)
    with tf.control_dependencies([largest]):  # no update before the check
        if clipnorm is None:
            return [tf.identity(gradient) for gradient in gradients]
        # The square of a finite gradient may overflow, so the norm is taken of scaled gradients.
        scale = tf.maximum(largest, tf.cast(1.0, largest.dtype))
        norm = scale * tf.linalg.global_norm([gradient / scale for gradient in gradients])
        return tf.clip_by_global_norm(gradients, clipnorm, norm)[0]


@contextlib.contextmanager
def finite_gradients(optimizer: tf.keras.optimizers.Optimizer) -> Iterator[None]:
    """Raise a `NonFiniteGradientError` where the check of `mean_gradients` fails."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if NOT_FINITE not in error.message:
            raise
        step, learning_rate = (
            tf.convert_to_tensor(value).numpy()
            for value in (optimizer.iterations, optimizer.learning_rate)
        )
        raise NonFiniteGradientError(
            f"The gradient is not finite at step {step + 1:,}, with learning rate {learning_rate:g}"
        ) from error
