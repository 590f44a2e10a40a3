"""Saves a training in its run's folder, shows its progress, and resumes it from there.

Everything that a step depends on is in the checkpoint or follows from the settings and the step's
index. So a training that was interrupted and resumed ends with the same weights, bit for bit, as
one that was not.
"""

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tf_lstm.data.dataset import Dataset
from tf_lstm.engines.distribution import WorkerLostError
from tf_lstm.engines.precision import describe_precision
from tf_lstm.evaluation import Evaluation, evaluate
from tf_lstm.optimizer import NonFiniteGradientError
from tf_lstm.runs.published import published_hooks
from tf_lstm.runs.run import Run
from tf_lstm.terminal.errors import Interrupted, UserError
from tf_lstm.terminal.exit import StopSignal
from tf_lstm.terminal.progress import (
    ProgressLine,
    describe_epoch,
    describe_variables,
)
from tf_lstm.train_loop import EpochMetrics, Hooks, count_steps, train
from tf_lstm.train_step import Trainer

SECONDS_PER_CHECKPOINT = 30  # the most that is lost when the process is killed


class Session(Hooks):
    """The training of a run, from where it was interrupted, or from the start.

    Args:
        run: a new or an interrupted run, which no other process can write.
        trainer: a new trainer with the run's settings; restored if the run was interrupted.
        dataset: the data.
        quiet: print nothing.
    """

    def __init__(self, run: Run, trainer: Trainer, dataset: Dataset, quiet: bool = False) -> None:
        self.run, self.trainer, self.dataset, self.quiet = run, trainer, dataset, quiet
        self.progress = ProgressLine(shown=not quiet)
        self.steps_per_epoch, self.total_steps = count_steps(run.recipe, len(dataset.train.labels))
        self.epochs = math.ceil(self.total_steps / self.steps_per_epoch)
        variables = trainer.model.variables_by_name
        self.latest = run.checkpoints(
            "latest", variables=variables, optimizer=trainer.optimizer, totals=trainer.totals
        )
        self.kept = run.checkpoints("kept", variables=variables)
        self.history: list[EpochMetrics] = []
        if self.latest.restore():
            # The history may be an epoch ahead of the checkpoint: that epoch is repeated.
            step = trainer.step
            self.history = [metrics for metrics in run.read_history() if metrics.step <= step]
            if step > (len(self.history) + 1) * self.steps_per_epoch:
                raise UserError(
                    f"{run.folder / 'history.csv'} lacks epochs that its checkpoint has: restore "
                    "the file, or start a new run."
                )
        self.hooks = [*published_hooks(run, trainer, dataset, self.say), self]
        self.stop_signal = StopSignal()
        self.saved_at = self.epoch_started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line, unless the session is quiet."""
        if not self.quiet:
            self.progress.clear()
            print(text, flush=True)

    def describe(self) -> None:
        """Print a note on the precision, the variables, and where the training resumes."""
        if note := describe_precision(self.run.settings.precision, self.run.recipe):
            self.say(f"note     {note}")
        self.say(f"\n{describe_variables(self.trainer.model.variables_by_name)}\n")
        if self.trainer.step:
            self.say(f"resuming after step {self.trainer.step:,} of {self.total_steps:,}")

    def train(self, then: Callable[[Evaluation], None] = lambda test: None) -> Evaluation:
        """Train to the end of the recipe, and evaluate the test images with the kept weights.

        Args:
            then: called with the evaluation, which is also returned.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; everything is saved.
            UserError: a gradient is not finite, the memory is full, or another worker has ended.
        """
        self.describe()
        with self.explained(), fits_in_memory(), self.stop_signal:
            self.stop_signal.at_once = True  # until the first steps, which are traced for a while
            train(self.trainer, self.dataset, self.hooks, self.history)
            self.run.restore_kept(self.kept)  # into the trained model: nothing is traced again
            test = self.dataset.test
            evaluation = evaluate(self.trainer.model, test.images, test.labels)
            self.stop_after_signal()
            then(evaluation)  # a signal that comes now is too late to stop anything
        return evaluation

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors of the training in a `with` block into messages to the user."""
        try:
            yield
        except NonFiniteGradientError as error:
            raise UserError(f"{error}: try a smaller --learning-rate.") from error
        except WorkerLostError as error:
            raise UserError(
                "Another worker has ended or cannot be reached: restart all of them with "
                f"--resume {self.run.shown}."
            ) from error
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"Stopped at once; to continue from the last checkpoint: {self.run.resume_command}",
                self.stop_signal.received or signal.SIGINT,
            ) from error
        finally:
            self.progress.clear()

    def after_steps(self, epoch: int, step: int, batch: np.ndarray) -> None:
        """Show the progress, save from time to time, and stop after a signal."""
        self.stop_signal.at_once = False
        loss, accuracy = self.trainer.epoch_metrics()
        share = (step - (epoch - 1) * self.steps_per_epoch) / self.steps_per_epoch
        seconds = time.monotonic() - self.epoch_started
        self.progress.write(
            f"epoch {epoch}/{self.epochs}  {100 * share:3.0f} %   train loss {loss:.4f}  "
            f"accuracy {100 * accuracy:.2f} %   {seconds:.0f} s"
        )
        since_saved = time.monotonic() - self.saved_at
        if self.stop_signal.received or since_saved > SECONDS_PER_CHECKPOINT:
            self.save()
        self.stop_after_signal()

    def after_epoch(self, metrics: EpochMetrics) -> None:
        """Save the weights if they are to be kept, then the history and the checkpoint."""
        if self.run.recipe.keep_weights == "last" or self.is_best(metrics):
            with self.run.writing():
                self.kept.save()
        with self.run.writing():
            self.run.write_history(self.history)
        self.save()  # last: if the process is killed before this, the epoch is repeated
        self.say(describe_epoch(self.epochs, metrics))
        self.epoch_started = time.monotonic()
        self.stop_after_signal()

    def is_best(self, metrics: EpochMetrics) -> bool:
        """Whether an epoch is more accurate in validation than the earlier ones.

        Of equally accurate ones, which are frequent with few images, the loss decides. Without
        validation images the newest weights are the best.
        """
        if math.isnan(metrics.validation_accuracy):
            return True
        earlier = (each for each in self.history if each.epoch < metrics.epoch)
        scores = ((each.validation_accuracy, -each.validation_loss) for each in earlier)
        best = max(scores, default=(-math.inf, -math.inf))
        return (metrics.validation_accuracy, -metrics.validation_loss) > best

    def stop_after_signal(self) -> None:
        """Raise `Interrupted` if a signal was received; everything is saved."""
        if self.stop_signal.received:
            raise Interrupted(
                f"Stopped and saved after step {self.trainer.step:,}; to continue: "
                f"{self.run.resume_command}",
                self.stop_signal.received,
            )

    def save(self) -> None:
        """Save everything that the next step depends on."""
        with self.run.writing():
            self.latest.save()
        self.saved_at = time.monotonic()


@contextlib.contextmanager
def fits_in_memory() -> Iterator[None]:
    """Turn a full memory in a `with` block into a message to the user."""
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise UserError(
            "The network does not fit into the memory: choose fewer units or layers, or a smaller "
            "batch_size."
        ) from error
