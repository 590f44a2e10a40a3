"""The loss, the gradient step, and the order in which images are visited."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from numpy_lstm import logits_after_every_row, mean_cross_entropy

from tf_lstm.drawn_digits import draw_digits
from tf_lstm.evaluation import evaluate
from tf_lstm.model import RowClassifier
from tf_lstm.recipes import BASIC, DEFAULT
from tf_lstm.trainer import Trainer, learning_rate_schedule, row_losses
from tf_lstm.training import epoch_order

IMAGES, LABELS = draw_digits(22, seed=5)
UNITS, TIME_STEPS = 6, 7


def new_trainer(shards=1, **settings):
    # 7 time steps instead of 28: four rows at a time, and a graph that is made four times as fast.
    small = {"units": UNITS, "time_steps": TIME_STEPS, "batch_size": 8, "warmup_steps": 0}
    recipe = dataclasses.replace(DEFAULT, **small | settings)
    model = RowClassifier(recipe, seed=1)
    return Trainer(model, recipe, IMAGES, LABELS, total_steps=20, shards=shards)


def weights(trainer):
    return [variable.numpy() for variable in trainer.variables_to_train]


def test_row_losses_are_the_cross_entropy_after_every_row(random):
    logits, labels = random.normal(size=(3, 4, 10)), np.array([7, 0, 2])
    losses = row_losses(tf.constant(logits), tf.constant(labels))
    assert losses.shape == (3, 4)
    for row in range(4):
        expected = mean_cross_entropy(logits[:, row], labels)
        assert np.mean(losses[:, row]) == pytest.approx(expected)


def test_losses_of_hopeless_logits_are_finite():
    losses = row_losses(tf.constant([[[-1e4] + [1e4] * 9]]), tf.constant([0]))
    assert np.isfinite(losses).all()


def test_untrained_network_knows_nothing():
    images, labels = draw_digits(500, seed=6)
    untrained = evaluate(RowClassifier(DEFAULT), images, labels)
    assert untrained.loss == pytest.approx(math.log(10), abs=0.1)
    assert 0.02 < untrained.accuracy < 0.25


@pytest.mark.parametrize("loss_rows", ["last", "every"])
def test_the_objective_is_the_last_row_alone_or_with_the_mean_of_all(loss_rows):
    trainer = new_trainer(loss_rows=loss_rows)
    values = {k: v.numpy().astype(float) for k, v in trainer.model.variables_by_name.items()}
    batch = np.arange(8, dtype=np.int32)
    rows = IMAGES[batch].reshape(8, TIME_STEPS, -1) / 255.0
    name, where, step = "weights['out']", (2, 3), 1e-4

    def objective(change):
        moved = {**values, name: values[name].copy()}
        moved[name][where] += change
        logits = logits_after_every_row(rows, moved)
        last, *others = (
            mean_cross_entropy(logits[:, t], LABELS[batch]) for t in reversed(range(TIME_STEPS))
        )
        return last if loss_rows == "last" else last + np.mean([last, *others])

    seed = tf.constant([0, 0], tf.int64)
    _, _, *gradients = trainer.shard_gradients(tf.constant(batch), 8, seed)
    gradient = gradients[list(values).index(name)].numpy()[where]
    assert gradient == pytest.approx((objective(step) - objective(-step)) / (2 * step), rel=1e-3)


def test_a_batch_in_shards_takes_the_same_step_as_a_whole_one():
    whole, sharded = new_trainer(shards=1), new_trainer(shards=3)
    for trainer in (whole, sharded):
        trainer.train_step(np.arange(8, dtype=np.int32))
        trainer.train_step(np.arange(8, 13, dtype=np.int32))  # 5 images: shards of 2, 2 and 1
    for one, other in zip(weights(whole), weights(sharded), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    assert whole.epoch_metrics() == pytest.approx(sharded.epoch_metrics())


def test_many_steps_in_one_call_equal_single_steps():
    together, single = new_trainer(), new_trainer()
    order = epoch_order(seed=1, epoch=1, count=22)
    together.train_steps(order)
    for start in (0, 8, 16):  # the last batch has 6 images
        single.train_step(order[start : start + 8])
    assert together.step == single.step == 3
    for one, other in zip(weights(together), weights(single), strict=True):
        np.testing.assert_array_equal(one, other)


def test_train_step_is_traced_once_for_batches_of_any_size():
    trainer = new_trainer()
    for size in (1, 4, 8):
        trainer.train_step(np.arange(size, dtype=np.int32))
    assert trainer.train_step.experimental_get_tracing_count() == 1


def test_gradients_longer_than_clip_norm_are_scaled_down():
    # Plain gradient descent with learning rate 1 makes the step itself the clipped gradient.
    trainer = new_trainer(clip_norm=0.01)
    trainer.optimizer = tf.keras.optimizers.SGD(1.0)
    trainer.optimizer.build(trainer.variables_to_train)
    before = weights(trainer)
    trainer.train_step(np.arange(8, dtype=np.int32))
    change = [new - old for new, old in zip(weights(trainer), before, strict=True)]
    assert math.sqrt(sum((part**2).sum() for part in change)) == pytest.approx(0.01, rel=1e-3)


def test_epoch_metrics_are_means_over_the_images_seen():
    trainer = new_trainer(learning_rate=0.0, decay="none")
    trainer.start_epoch()
    trainer.train_steps(np.arange(22, dtype=np.int32))
    expected = evaluate(trainer.model, IMAGES, LABELS)
    assert trainer.epoch_metrics() == pytest.approx((expected.loss, expected.accuracy), rel=1e-5)


def test_learning_rate_climbs_and_then_falls_to_zero():
    recipe = dataclasses.replace(DEFAULT, learning_rate=0.5, warmup_steps=10)
    schedule = learning_rate_schedule(recipe, total_steps=100)
    rates = [float(schedule(step)) for step in (0, 5, 10, 55, 100)]
    assert rates == pytest.approx([0, 0.25, 0.5, 0.25, 0], abs=1e-6)


def test_learning_rate_of_the_tutorial_is_constant():
    assert learning_rate_schedule(BASIC, total_steps=501) == 1e-3


def test_epoch_order_visits_every_image_once_and_differs_between_epochs_and_seeds():
    orders = [epoch_order(seed, epoch, 50) for seed, epoch in [(0, 1), (0, 2), (1, 1)]]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(50))
    assert len({tuple(order) for order in orders}) == 3
    np.testing.assert_array_equal(orders[0], epoch_order(0, 1, 50))
