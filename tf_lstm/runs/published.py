"""What two published systems print during training: accuracies of batches and of the test images.

Only recipes with `log_every` or `test_every` use these hooks of the training loop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_lstm.data.dataset import Dataset
from tf_lstm.evaluation import evaluate
from tf_lstm.runs.run import TEST_ACCURACIES, Run
from tf_lstm.terminal.files import read_records, write_text_atomically
from tf_lstm.train_loop import Hooks
from tf_lstm.train_step import Trainer


@dataclass(frozen=True)
class TestAccuracy:
    """A line of test_accuracies.csv."""

    step: int
    test_accuracy: float  # 0 to 1


class BatchAccuracies(Hooks):
    """Prints the accuracy on the batch of every `every`-th step, from the first one on."""

    def __init__(
        self, trainer: Trainer, dataset: Dataset, every: int, say: Callable[[str], None]
    ) -> None:
        self.model, self.train, self.every, self.say = trainer.model, dataset.train, every, say

    def steps_to_next(self, step: int) -> int:
        """As in `Hooks`."""
        return 1 + -step % self.every

    def after_steps(self, epoch: int, step: int, batch: np.ndarray) -> None:
        """As in `Hooks`."""
        if (step - 1) % self.every == 0:
            images, labels = self.train.images[batch], self.train.labels[batch]
            accuracy = evaluate(self.model, images, labels).accuracy
            self.say(f"step {step - 1:4}   accuracy on this batch {100 * accuracy:6.2f} %")


class TestAccuracies(Hooks):
    """Evaluates the test images after every `every` steps; no choice depends on the results."""

    def __init__(
        self, trainer: Trainer, dataset: Dataset, every: int, say: Callable[[str], None], run: Run
    ) -> None:
        self.model, self.test, self.every, self.say = trainer.model, dataset.test, every, say
        self.run, step = run, trainer.step
        # The file may be ahead of the checkpoint from which the run is resumed.
        self.accuracies = {
            at: a for at, a in read_test_accuracies(run.folder).items() if at <= step
        }

    def steps_to_next(self, step: int) -> int:
        """As in `Hooks`."""
        return self.every - step % self.every

    def after_steps(self, epoch: int, step: int, batch: np.ndarray) -> None:
        """As in `Hooks`."""
        if step % self.every == 0:
            accuracy = evaluate(self.model, self.test.images, self.test.labels).accuracy
            self.accuracies[step] = accuracy
            with self.run.writing():
                write_test_accuracies(self.run.folder, self.accuracies)
            self.say(f"step {step:4}   test accuracy {100 * accuracy:6.2f} %")


def published_hooks(
    run: Run, trainer: Trainer, dataset: Dataset, say: Callable[[str], None]
) -> list[Hooks]:
    """The hooks that the run's recipe asks for; mostly none."""
    hooks: list[Hooks] = []
    if run.recipe.log_every:
        hooks.append(BatchAccuracies(trainer, dataset, run.recipe.log_every, say))
    if run.recipe.test_every:
        hooks.append(TestAccuracies(trainer, dataset, run.recipe.test_every, say, run))
    return hooks


def write_test_accuracies(folder: Path, accuracies: dict[int, float]) -> None:
    """Write the test accuracies (0 to 1), by step, to a run's folder."""
    lines = ["step,test_accuracy", *(f"{step},{share}" for step, share in accuracies.items())]
    write_text_atomically(folder / TEST_ACCURACIES, "\n".join(lines) + "\n")


def read_test_accuracies(folder: Path) -> dict[int, float]:
    """The test accuracies that `write_test_accuracies` wrote; none without `test_every`."""
    remedy = "restore the file, or choose another run"
    lines = read_records(folder / TEST_ACCURACIES, TestAccuracy, remedy)
    return {line.step: line.test_accuracy for line in lines}
