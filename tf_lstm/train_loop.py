"""The training loop: epochs of shuffled batches, with validation after each."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf_lstm.data.dataset import Dataset, Split
from tf_lstm.evaluation import evaluate
from tf_lstm.optimizer import finite_gradients
from tf_lstm.seeds import epoch_order
from tf_lstm.settings import Recipe
from tf_lstm.train_step import Trainer

LONGEST_WAIT = 20  # steps between two calls of the hooks


@dataclass(frozen=True)
class EpochMetrics:
    """One epoch of a training, as a row of its history."""

    epoch: int  # from 1
    step: int  # steps taken by its end
    train_loss: float  # nats, after the last row: a running mean over the epoch
    train_accuracy: float  # 0..1, likewise
    validation_loss: float  # nan without validation images
    validation_accuracy: float
    learning_rate: float  # of the next step
    seconds: float  # since the epoch began or was resumed


class Hooks:
    """Callbacks of the training loop; by default, nothing. Their exceptions end the training."""

    def steps_to_next(self, step: int) -> int:
        """The number of steps, after the first `step` ones, before `after_steps` must be called."""
        return LONGEST_WAIT

    def after_steps(self, epoch: int, step: int, batch: np.ndarray) -> None:
        """Called after `step` steps; `batch` holds the indices of the last one's images."""

    def after_epoch(self, metrics: EpochMetrics) -> None:
        """Called after each epoch's validation."""


def count_steps(recipe: Recipe, images: int) -> tuple[int, int]:
    """The number of steps in an epoch of `images` images, and in the whole training."""
    steps_per_epoch = math.ceil(images / recipe.batch_size)
    return steps_per_epoch, recipe.max_steps or recipe.epochs * steps_per_epoch


def train(
    trainer: Trainer, dataset: Dataset, hooks: Sequence[Hooks], history: list[EpochMetrics]
) -> None:
    """Train from the trainer's current step to the end of the recipe.

    Args:
        trainer: new, or restored to a step in the epoch after the last one of `history`.
        dataset: the trainer's training images, and the validation images.
        hooks: called in their order.
        history: the finished epochs; each new one is appended.

    Raises:
        NonFiniteGradientError: a gradient is not finite; no weight was updated with it.
    """
    recipe, count = trainer.recipe, len(dataset.train.labels)
    steps_per_epoch, total_steps = count_steps(recipe, count)
    for epoch in range(len(history) + 1, math.ceil(total_steps / steps_per_epoch) + 1):
        started = time.monotonic()
        first_step = (epoch - 1) * steps_per_epoch
        last_step = min(epoch * steps_per_epoch, total_steps)
        order = epoch_order(trainer.seed, epoch, count)
        if trainer.step == first_step:
            trainer.totals.assign(np.zeros(3))
        while (step := trainer.step) < last_step:
            waits = (hook.steps_to_next(step) for hook in hooks)
            steps = min(steps_in_a_second(trainer), last_step - step, *waits)
            start = (step - first_step) * recipe.batch_size
            indices = order[start : start + steps * recipe.batch_size]
            with finite_gradients(trainer.optimizer):
                trainer.train_steps(indices)
            for hook in hooks:
                hook.after_steps(epoch, step + steps, indices[(steps - 1) * recipe.batch_size :])
        history.append(validate(trainer, dataset.validation, epoch, started))
        for hook in hooks:
            hook.after_epoch(history[-1])


def validate(trainer: Trainer, validation: Split, epoch: int, started: float) -> EpochMetrics:
    """The metrics of an epoch that has just ended; it began at `time.monotonic()` = `started`."""
    evaluation = evaluate(trainer.model, validation.images, validation.labels)
    scores = (*trainer.epoch_metrics(), evaluation.loss, evaluation.accuracy)
    seconds = round(time.monotonic() - started, 2)
    return EpochMetrics(epoch, trainer.step, *scores, trainer.learning_rate, seconds)


def steps_in_a_second(trainer: Trainer) -> int:
    """The number of steps before returning to Python: about a second's worth, at most 20.

    It does not depend on a clock, so processes that train together take the same number.
    """
    recipe, variables = trainer.recipe, trainer.variables_to_train
    parameters = sum(variable.shape.num_elements() for variable in variables)
    work = parameters * recipe.time_steps * recipe.batch_size  # multiplications in a forward pass
    return min(LONGEST_WAIT, max(1, int(2e10 / work)))
