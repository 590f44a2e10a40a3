"""Trains a run, saves its state in its folder, and resumes it from there.

Everything that a step depends on is in the checkpoint or follows from the settings and the step's
index. So a training that was interrupted and resumed ends with the same weights, bit for bit, as
one that was not.
"""

import contextlib
import math
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tf_lstm.data.dataset import Dataset
from tf_lstm.engines.distribution import WorkerLostError, new_trainer
from tf_lstm.engines.precision import describe_precision
from tf_lstm.evaluation import Evaluation, evaluate
from tf_lstm.optimizer import NonFiniteGradientError
from tf_lstm.runs.readings import read_readings, write_readings
from tf_lstm.runs.run import Run
from tf_lstm.terminal.errors import Interrupted, UserError
from tf_lstm.terminal.exit import StopSignal
from tf_lstm.terminal.progress import (
    ProgressLine,
    describe_data,
    describe_epoch,
    describe_variables,
    short_path,
)
from tf_lstm.train_loop import EpochMetrics, Hooks, count_steps

SECONDS_PER_CHECKPOINT = 30  # the most that is lost when the process is killed


class Session(Hooks):
    """A run's trainer and history, restored if the run was interrupted, and hooks that save both.

        session = Session(run, dataset)
        with session.resumable():
            train(session.trainer, dataset, session, session.history)
        session.finish(session.test())

    Args:
        run: a new or an interrupted run, with the settings of the training.
        dataset: the data.
        quiet: print nothing.
        strategy: a `tf.distribute` strategy; None for one device.
    """

    def __init__(
        self,
        run: Run,
        dataset: Dataset,
        quiet: bool = False,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self.run, self.dataset, self.quiet = run, dataset, quiet
        self.progress = ProgressLine(shown=not quiet)
        self.stop_signal: StopSignal | None = None
        images, settings = len(dataset.train.labels), run.settings
        self.steps_per_epoch, self.total_steps = count_steps(run.recipe, images)
        self.epochs = math.ceil(self.total_steps / self.steps_per_epoch)
        with (strategy or tf.distribute.get_strategy()).scope():
            self.model = run.new_model(settings["engine"], run.precision)
            self.trainer = new_trainer(
                self.model, dataset, self.total_steps, settings["seed"], settings["shards"]
            )
        self.latest = run.checkpoints("latest", trainer=self.trainer)
        self.best = run.checkpoints("best", model=self.model)
        self.history: list[EpochMetrics] = []
        self.readings: dict[int, float] = {}
        if self.latest.restore():
            # The history may be an epoch ahead of the checkpoint: that epoch is repeated.
            step = self.trainer.step
            self.history = [metrics for metrics in run.read_history() if metrics.step <= step]
            self.readings = {
                at: share for at, share in read_readings(run.folder).items() if at <= step
            }
            if step > (len(self.history) + 1) * self.steps_per_epoch:
                raise UserError(
                    f"{run.folder / 'history.csv'} lacks epochs that its checkpoint has: restore "
                    "the file, or start a new run."
                )
        self.saved_at = self.epoch_started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line, unless the session is quiet."""
        if not self.quiet:
            self.progress.clear()
            print(text, flush=True)

    def describe(self) -> None:
        """Print the data, the recipe, the variables, and where the training resumes."""
        recipe = self.run.recipe
        self.say(f"{describe_data(self.dataset)}\nrecipe   {recipe.name}: {recipe.description}")
        if note := describe_precision(self.run.precision):
            self.say(f"note     {note}")
        self.say(f"\n{describe_variables(self.model.variables_by_name)}\n")
        if self.trainer.step:
            self.say(f"resuming after step {self.trainer.step:,} of {self.total_steps:,}")

    @contextlib.contextmanager
    def resumable(self) -> Iterator[None]:
        """Turn signals and errors of the training in a `with` block into messages to the user.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; everything is saved.
            UserError: a gradient is not finite, or another worker has ended.
        """
        self.describe()
        try:
            with StopSignal() as self.stop_signal:
                yield
        except NonFiniteGradientError as error:
            raise UserError(f"{error}: try a smaller --learning-rate.") from error
        except WorkerLostError as error:
            raise UserError(
                "Another worker has ended or cannot be reached: restart all of them with "
                f"--resume {short_path(self.run.folder)}."
            ) from error
        finally:
            self.progress.clear()

    def after_steps(self, epoch: int, batch: np.ndarray) -> None:
        """Show the progress, save from time to time, and stop after a signal."""
        trainer, step = self.trainer, self.trainer.step
        log_every, test_every = self.run.recipe.log_every, self.run.recipe.test_every
        if log_every and (step - 1) % log_every == 0:
            train = self.dataset.train
            accuracy = evaluate(self.model, train.images[batch], train.labels[batch]).accuracy
            self.say(f"step {step - 1:4}   accuracy on this batch {100 * accuracy:6.2f} %")
        if test_every and step % test_every == 0:
            test = self.dataset.test
            self.readings[step] = accuracy = evaluate(self.model, test.images, test.labels).accuracy
            with self.run.writing():  # before the checkpoint of this step
                write_readings(self.run.folder, self.readings)
            self.say(f"step {step:4}   test accuracy {100 * accuracy:6.2f} %")
        loss, accuracy = trainer.epoch_metrics()
        share = (step - (epoch - 1) * self.steps_per_epoch) / self.steps_per_epoch
        seconds = time.monotonic() - self.epoch_started
        self.progress.write(
            f"epoch {epoch}/{self.epochs}  {100 * share:3.0f} %   train loss {loss:.4f}  "
            f"accuracy {100 * accuracy:.2f} %   {seconds:.0f} s"
        )
        received = self.stop_signal and self.stop_signal.received
        if received or time.monotonic() - self.saved_at > SECONDS_PER_CHECKPOINT:
            self.save()
        self.stop_after_signal()

    def after_epoch(self, metrics: EpochMetrics) -> None:
        """Save the weights if they are to be kept, then the history and the checkpoint."""
        accuracies = [previous.validation_accuracy for previous in self.history[:-1]]
        # Without validation images the accuracy is nan, and the newest weights are the best.
        best = not metrics.validation_accuracy <= max(accuracies, default=-math.inf)
        if best or self.run.recipe.keep_weights == "last":
            with self.run.writing():
                self.best.save()
        with self.run.writing():
            self.run.write_history(self.history)
        self.save()  # last: if the process is killed before this, the epoch is repeated
        self.say(describe_epoch(self.epochs, metrics))
        self.epoch_started = time.monotonic()
        self.stop_after_signal()

    def stop_after_signal(self) -> None:
        """Raise `Interrupted` if a signal was received; everything is saved."""
        if self.stop_signal and self.stop_signal.received:
            raise Interrupted(
                f"Stopped and saved after step {self.trainer.step:,}; to continue: "
                f"python scripts/train_mnist.py --resume {short_path(self.run.folder)}",
                self.stop_signal.received,
            )

    def save(self) -> None:
        """Save everything that the next step depends on."""
        with self.run.writing():
            self.latest.save()
        self.saved_at = time.monotonic()

    def test(self) -> Evaluation:
        """Evaluate the test images with the weights that were kept."""
        self.run.restore_best(self.best)  # into the trained model, so that nothing is traced again
        return evaluate(self.model, self.dataset.test.images, self.dataset.test.labels)

    def finish(self, test: Evaluation) -> None:
        """Save the test's result, after which the run counts as finished."""
        with self.run.writing():
            self.run.write_result(test)
