"""One training from start to end: epochs, validation, checkpoints, and the test at last."""

import math
import time

import numpy as np
import tensorflow as tf

from tf_lstm.command_line import StopSignal
from tf_lstm.console import (
    ProgressLine,
    describe_data,
    describe_digits,
    describe_epoch,
    describe_variables,
    short_path,
)
from tf_lstm.errors import Interrupted, UserError
from tf_lstm.evaluation import evaluate
from tf_lstm.figures import learning_curves_figure, save_figure
from tf_lstm.trainer import NOT_FINITE, Trainer

# Between two looks at the clock and the keyboard lie so many steps, or fewer where a step is much
# work: products of a variable's element with a row's, about a second on two cores. The number
# depends on the recipe alone, because several workers must all call for the same steps.
MOST_STEPS_PER_CALL, WORK_PER_CALL = 20, 2e10
SECONDS_PER_CHECKPOINT = 30  # so much is lost at most when the process is killed


class Training:
    """A run in progress: what is trained, on what, and how far it is.

    A new run begins at the beginning; one that was interrupted goes on from its newest checkpoint.
    Whatever a step depends on is in the checkpoint or follows from the settings and the step's
    number, so both ways end with the same weights, bit for bit.

    Args:
        run: a `Run`; its settings say what is done.
        dataset: a `Dataset`.
        say: prints a line that is to stay.
        progress: a `ProgressLine`.
        strategy: a `tf.distribute` strategy; None for one device.
    """

    def __init__(self, run, dataset, say, progress, strategy=None):
        self.run, self.dataset, self.say, self.progress = run, dataset, say, progress
        recipe, settings = run.recipe, run.settings
        images, labels = dataset.train.images, dataset.train.labels
        self.steps_per_epoch = math.ceil(len(labels) / recipe.batch_size)
        self.total_steps = recipe.steps or recipe.epochs * self.steps_per_epoch
        self.epochs = math.ceil(self.total_steps / self.steps_per_epoch)
        with (strategy or tf.distribute.get_strategy()).scope():
            self.model = run.new_model(settings["engine"])
            self.trainer = Trainer(
                self.model,
                recipe,
                images,
                labels,
                self.total_steps,
                settings["shards"],
                settings["seed"],
            )
        parameters = sum(
            variable.shape.num_elements() for variable in self.trainer.variables_to_train
        )
        work = parameters * recipe.time_steps * recipe.batch_size  # of a step
        self.steps_per_call = min(MOST_STEPS_PER_CALL, max(1, int(WORK_PER_CALL / work)))
        self.latest = run.checkpoints("latest", trainer=self.trainer)
        self.best = run.checkpoints("best", model=self.model)
        self.saved_at = time.monotonic()
        self.history = []
        self.best_accuracy = -math.inf
        if run.restore(self.latest):
            # A row of the history may be newer than the checkpoint: its epoch is done again.
            step = self.trainer.step
            self.history = [row for row in run.read_history() if row["step"] <= step]
            if step > (len(self.history) + 1) * self.steps_per_epoch:
                raise UserError(
                    f"{run.folder / 'history.csv'} lacks epochs that its checkpoint has: put the "
                    "file back, or begin a new run."
                )
            accuracies = [row["validation_accuracy"] for row in self.history]
            self.best_accuracy = max(accuracies, default=-math.inf)

    def save(self):
        """Save everything that the next step depends on."""
        with self.run.writing():
            self.latest.save()
        self.saved_at = time.monotonic()

    def train_epoch(self, epoch, stop_signal):
        """Take the steps of one epoch, or those of it that are left.

        Raises:
            Interrupted: `stop_signal` was received; everything is saved.
        """
        recipe, trainer = self.run.recipe, self.trainer
        started = time.monotonic()
        first_step = (epoch - 1) * self.steps_per_epoch
        end_step = min(epoch * self.steps_per_epoch, self.total_steps)
        order = epoch_order(self.run.settings["seed"], epoch, len(self.dataset.train.labels))
        if trainer.step == first_step:
            trainer.start_epoch()
        while (step := trainer.step) < end_step:
            steps = min(self.steps_per_call, end_step - step)
            if recipe.report_steps:  # come back for a report after steps number 0, 50, 100 ...
                steps = min(steps, 1 + -step % recipe.report_steps)
            start = (step - first_step) * recipe.batch_size
            batches = order[start : start + steps * recipe.batch_size]
            trainer.train_steps(batches)
            if recipe.report_steps and (trainer.step - 1) % recipe.report_steps == 0:
                self.report(batches[(steps - 1) * recipe.batch_size :])
            loss, accuracy = trainer.epoch_metrics()
            self.progress.write(
                f"epoch {epoch}/{self.epochs}  "
                f"{100 * (trainer.step - first_step) / self.steps_per_epoch:3.0f} %   "
                f"train loss {loss:.4f}  accuracy {100 * accuracy:.2f} %   "
                f"{time.monotonic() - started:.0f} s"
            )
            if stop_signal.received:
                self.save()
                self.progress.clear()
                raise Interrupted(
                    f"Stopped and saved after step {trainer.step:,}; to go on: "
                    f"python scripts/train_mnist.py --resume {short_path(self.run.folder)}",
                    stop_signal.received,
                )
            if time.monotonic() - self.saved_at > SECONDS_PER_CHECKPOINT:
                self.save()

    def report(self, batch):
        """Say how well the network does on the batch that it has just been trained on."""
        accuracy = evaluate(self.model, *self.trainer.training_images(batch)).accuracy
        self.progress.clear()
        self.say(f"step {self.trainer.step - 1:4}   accuracy on its batch {100 * accuracy:6.2f} %")

    def finish_epoch(self, epoch, started):
        """Validate, note the epoch in the history, and save it."""
        images, labels = self.dataset.validation.images, self.dataset.validation.labels
        validation = evaluate(self.model, images, labels)
        train_loss, train_accuracy = self.trainer.epoch_metrics()
        row = {
            "epoch": epoch,
            "step": self.trainer.step,
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "validation_loss": validation.loss,
            "validation_accuracy": validation.accuracy,
            "learning_rate": self.trainer.learning_rate,
            "seconds": round(time.monotonic() - started, 2),
        }
        # Without validation images (their accuracy is nan then) the newest weights count as best.
        if not validation.accuracy <= self.best_accuracy:
            self.best_accuracy = validation.accuracy
            with self.run.writing():
                self.best.save()
        self.history.append(row)
        with self.run.writing():
            self.run.write_history(self.history)
        self.save()  # last, so that what a crash prevents is done again
        self.progress.clear()
        self.say(describe_epoch(self.epochs, row))


def train(run, dataset, quiet=False, strategy=None):
    """Train a run's model on a dataset, test it, and leave everything in the run's folder.

    Args:
        run: a `Run`, new or interrupted.
        dataset: a `Dataset`.
        quiet: print only the result.
        strategy: a `tf.distribute` strategy; None for one device.

    Returns:
        The `Evaluation` of the test images, by the weights that did best on the validation images.

    Raises:
        Interrupted: by Ctrl-C or SIGTERM; the run can be resumed.
        UserError: the gradient is no number any more, or another worker has ended.
    """
    started = time.monotonic()
    say = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    training = Training(run, dataset, say, ProgressLine(shown=not quiet), strategy)
    say(f"{describe_data(dataset)}\nrecipe   {run.recipe.name}: {run.recipe.description}")
    say(f"\n{describe_variables(training.model.variables_by_name)}\n")
    if training.trainer.step:
        say(f"going on after step {training.trainer.step:,} of {training.total_steps:,}")
    try:
        with StopSignal() as stop_signal:
            for epoch in range(len(training.history) + 1, training.epochs + 1):
                epoch_started = time.monotonic()
                training.train_epoch(epoch, stop_signal)
                training.finish_epoch(epoch, epoch_started)
    except tf.errors.InvalidArgumentError as error:
        if NOT_FINITE not in error.message:
            raise
        training.progress.clear()
        raise UserError(
            f"The gradient is not finite at step {training.trainer.step + 1:,}, with learning rate "
            f"{training.trainer.learning_rate:g}: try a smaller --learning-rate."
        ) from error
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        training.progress.clear()
        raise UserError(
            "Another worker has ended, or cannot be reached any more: start all of them again with "
            f"--resume {short_path(run.folder)}."
        ) from error

    save_figure(
        learning_curves_figure(training.history, f"{run.folder.name}, {dataset.name}"),
        run.folder / "learning_curves.png",
    )
    test = evaluate(run.best_model(), dataset.test.images, dataset.test.labels)
    with run.writing():
        run.write_result(test)
    print(
        f"\n{dataset.name}, {test.count:,} test images: loss {test.loss:.4f}, "
        f"accuracy {100 * test.accuracy:.2f} %"
    )
    say(f"{describe_digits(test.accuracy_per_digit)}\n")
    print(f"took {time.monotonic() - started:.1f} s, saved in {short_path(run.folder)}", flush=True)
    return test


def epoch_order(seed, epoch, count):
    """In which order epoch number `epoch` visits the `count` training images: (count,) int32.

    It depends on its arguments alone, so an epoch can be taken up again in the middle.
    """
    return np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32)
