"""One training from start to end: epochs, validation, checkpoints, and the test at last."""

import math
import time

import numpy as np

from tf_lstm.console import (
    ProgressLine,
    describe_digits,
    describe_epoch,
    describe_variables,
    short_path,
)
from tf_lstm.evaluation import evaluate
from tf_lstm.figures import learning_curves_figure, save_figure
from tf_lstm.trainer import Trainer

STEPS_PER_CALL = 20  # steps between two looks at the clock and the keyboard: well under a second


def train(run, dataset, quiet=False):
    """Train a run's model on a dataset, test it, and leave everything in the run's folder.

    Args:
        run: a new `Run`; its settings say what is done.
        dataset: a `Dataset`.
        quiet: print only the result.

    Returns:
        The `Evaluation` of the test images, by the weights that did best on the validation images.
    """
    started = time.monotonic()
    say = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    recipe, settings = run.recipe, run.settings
    model = run.new_model(settings["engine"])
    say(f"{describe_data(dataset)}\nrecipe   {recipe.name}: {recipe.description}")
    say(f"\n{describe_variables(model.variables_by_name)}\n")

    images, labels = dataset.train.images, dataset.train.labels
    steps_per_epoch = math.ceil(len(labels) / recipe.batch_size)
    total_steps = recipe.steps or recipe.epochs * steps_per_epoch
    epochs = math.ceil(total_steps / steps_per_epoch)
    trainer = Trainer(
        model, recipe, images, labels, total_steps, settings["shards"], settings["seed"]
    )
    latest = run.checkpoints("latest", trainer=trainer)
    best = run.checkpoints("best", model=model)
    best_accuracy = -math.inf

    history = []
    for epoch in range(1, epochs + 1):
        epoch_started = time.monotonic()
        order = epoch_order(settings["seed"], epoch, len(labels))
        steps = min(steps_per_epoch, total_steps - trainer.step)
        train_epoch(trainer, order[: steps * recipe.batch_size], f"epoch {epoch}/{epochs}", say)

        train_loss, train_accuracy = trainer.epoch_metrics()
        validation = evaluate(model, dataset.validation.images, dataset.validation.labels)
        row = {
            "epoch": epoch,
            "step": trainer.step,
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "validation_loss": validation.loss,
            "validation_accuracy": validation.accuracy,
            "learning_rate": float(trainer.optimizer.learning_rate),
            "seconds": round(time.monotonic() - epoch_started, 2),
        }
        history.append(row)
        say(describe_epoch(epochs, row))
        run.write_history(history)
        latest.save()
        # Without validation images (their accuracy is nan then) the newest weights count as best.
        if not validation.accuracy <= best_accuracy:
            best_accuracy = validation.accuracy
            best.save()

    save_figure(
        learning_curves_figure(history, f"{run.folder.name}, {dataset.name}"),
        run.folder / "learning_curves.png",
    )
    test = evaluate(run.best_model(), dataset.test.images, dataset.test.labels)
    run.write_result(test)
    print(
        f"\n{dataset.name}, {test.count:,} test images: loss {test.loss:.4f}, "
        f"accuracy {100 * test.accuracy:.2f} %"
    )
    say(f"{describe_digits(test.accuracy_per_digit)}\n")
    print(f"took {time.monotonic() - started:.1f} s, saved in {short_path(run.folder)}", flush=True)
    return test


def train_epoch(trainer, order, title, say):
    """Take a step on each batch of `order`, and show on a terminal how it goes.

    Args:
        trainer: a `Trainer`.
        order: (n,) int32, which training images in which order.
        title: how the line on the terminal begins.
        say: prints a line that is to stay.
    """
    recipe = trainer.recipe
    started = time.monotonic()
    progress = ProgressLine(shown=say is not None)
    trainer.start_epoch()
    start = 0
    while start < len(order):
        steps = STEPS_PER_CALL
        if recipe.report_steps:  # come back for a report after steps number 0, 50, 100 ...
            steps = min(steps, 1 + -trainer.step % recipe.report_steps)
        stop = min(start + steps * recipe.batch_size, len(order))
        trainer.train_steps(order[start:stop])
        if recipe.report_steps and (trainer.step - 1) % recipe.report_steps == 0:
            batch = order[max(start, stop - recipe.batch_size) : stop]
            accuracy = evaluate(trainer.model, *trainer.training_images(batch)).accuracy
            say(
                f"step {trainer.step - 1:4}   accuracy on this step's batch {100 * accuracy:6.2f} %"
            )
        start = stop
        loss, accuracy = trainer.epoch_metrics()
        progress.write(
            f"{title}  {100 * stop / len(order):3.0f} %   train loss {loss:.4f}  "
            f"accuracy {100 * accuracy:.2f} %   {time.monotonic() - started:.0f} s"
        )
    progress.clear()


def epoch_order(seed, epoch, count):
    """In which order epoch number `epoch` visits the `count` training images: (count,) int32.

    It depends on its arguments alone, so an epoch can be taken up again in the middle.
    """
    return np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32)


def describe_data(dataset):
    """Which data, where from, and how many images for what: two lines."""
    return (
        f"data     {dataset.name}   (--data {short_path(dataset.source)})\n"
        f"         {len(dataset.train.labels):,} images to train on, "
        f"{len(dataset.validation.labels):,} to validate, {len(dataset.test.labels):,} to test"
    )
