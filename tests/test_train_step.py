"""The loss, the gradient and the update."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from numpy_lstm import logits_after_every_row, mean_cross_entropy

from tf_lstm.data.synthetic import render_digits
from tf_lstm.evaluation import evaluate
from tf_lstm.model import RowClassifier
from tf_lstm.optimizer import (
    NonFiniteGradientError,
    finite_gradients,
    mean_gradients,
    new_optimizer,
)
from tf_lstm.published_systems import BASIC
from tf_lstm.recipes import DEFAULT
from tf_lstm.seeds import epoch_order
from tf_lstm.settings import CELLS
from tf_lstm.train_step import Trainer, objective, row_losses, sum_gradients

IMAGES, LABELS = render_digits(22, seed=5)
UNITS, TIME_STEPS = 6, 7


def new_trainer(**settings):
    # 7 time steps instead of 28: four rows at a time, and a graph that is traced in a quarter of
    # the time.
    small = {"units": UNITS, "time_steps": TIME_STEPS, "batch_size": 8, "warmup_steps": 0}
    recipe = dataclasses.replace(DEFAULT, **small | settings)
    return Trainer(RowClassifier(recipe, seed=1), IMAGES, LABELS, total_steps=20)


def weights(trainer):
    return [variable.numpy() for variable in trainer.variables_to_train]


def test_row_losses_are_the_cross_entropy_after_every_row(random):
    logits, labels = random.normal(size=(3, 4, 10)), np.array([7, 0, 2])
    losses = row_losses(tf.constant(logits), tf.constant(labels))
    assert losses.shape == (3, 4)
    for row in range(4):
        expected = mean_cross_entropy(logits[:, row], labels)
        assert np.mean(losses[:, row]) == pytest.approx(expected)


def test_losses_of_confident_wrong_logits_are_finite():
    losses = row_losses(tf.constant([[[-1e4] + [1e4] * 9]]), tf.constant([0]))
    assert np.isfinite(losses).all()


def test_an_untrained_network_is_no_better_than_chance():
    images, labels = render_digits(500, seed=6)
    untrained = evaluate(RowClassifier(DEFAULT), images, labels)
    assert untrained.loss == pytest.approx(math.log(10), abs=0.1)
    assert 0.02 < untrained.accuracy < 0.25


def test_the_objective_adds_the_mean_over_the_rows_to_the_last_row(random):
    losses = random.random((3, 4))
    np.testing.assert_allclose(objective(tf.constant(losses), "last"), losses[:, -1])
    expected = losses[:, -1] + losses.mean(axis=1)
    np.testing.assert_allclose(objective(tf.constant(losses), "all_and_last"), expected)
    np.testing.assert_allclose(objective(tf.constant(losses), "all"), losses.mean(axis=1))


@pytest.mark.parametrize("loss_rows", ["last", "all", "all_and_last"])
def test_the_gradient_is_that_of_the_mean_objective(loss_rows):
    trainer = new_trainer(loss_rows=loss_rows, global_clipnorm=None)
    values = {k: v.numpy().astype(float) for k, v in trainer.model.variables_by_name.items()}
    batch = np.arange(8, dtype=np.int32)
    rows = IMAGES[batch].reshape(8, TIME_STEPS, -1) / 255.0
    name, where, step = "weights['out']", (2, 3), 1e-4

    def mean_objective(change):
        moved = {**values, name: values[name].copy()}
        moved[name][where] += change
        logits = logits_after_every_row(rows, moved)
        losses = [mean_cross_entropy(logits[:, t], LABELS[batch]) for t in range(TIME_STEPS)]
        last = 0 if loss_rows == "all" else losses[-1]
        return last if loss_rows == "last" else last + np.mean(losses)

    sums, totals = sum_gradients(trainer.model, trainer.sample_batch(batch))
    gradients = mean_gradients(sums, totals[0], None)
    gradient = gradients[list(values).index(name)].numpy()[where]
    difference = (mean_objective(step) - mean_objective(-step)) / (2 * step)
    assert gradient == pytest.approx(difference, rel=1e-3)


def test_many_steps_in_one_call_equal_single_steps():
    together, single = new_trainer(), new_trainer()
    order = epoch_order(seed=1, epoch=1, count=22)
    together.train_steps(order)
    for start in (0, 8, 16):  # the last batch has 6 images
        single.train_step(order[start : start + 8])
    assert together.step == single.step == 3
    for one, other in zip(weights(together), weights(single), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_steps_are_traced_once_for_batches_of_any_size():
    trainer = new_trainer()
    for size in (1, 4, 8, 11):
        trainer.train_steps(np.arange(size, dtype=np.int32))
    assert trainer.train_steps.experimental_get_tracing_count() == 1


def test_gradients_longer_than_global_clipnorm_are_scaled_down():
    # With plain gradient descent and learning rate 1 the step is the clipped gradient.
    trainer = new_trainer(global_clipnorm=0.01)
    trainer.optimizer = tf.keras.optimizers.SGD(1.0)
    trainer.optimizer.build(trainer.variables_to_train)
    before = weights(trainer)
    trainer.train_step(np.arange(8, dtype=np.int32))
    change = [new - old for new, old in zip(weights(trainer), before, strict=True)]
    assert math.sqrt(sum((part**2).sum() for part in change)) == pytest.approx(0.01, rel=1e-3)


def test_epoch_metrics_are_means_over_the_images_of_the_epoch():
    trainer = new_trainer(learning_rate=1e-9, lr_schedule="constant")
    trainer.train_steps(np.arange(22, dtype=np.int32))
    expected = evaluate(trainer.model, IMAGES, LABELS)
    assert trainer.epoch_metrics() == pytest.approx((expected.loss, expected.accuracy), rel=1e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_weight_is_updated_with_a_gradient_that_is_not_finite(value):
    trainer = new_trainer()
    trainer.train_steps(np.arange(22, dtype=np.int32))
    weights_out = trainer.model.weights["out"]
    weights_out.assign(tf.fill(weights_out.shape, value))
    before, metrics = weights(trainer), trainer.epoch_metrics()
    with (
        pytest.raises(NonFiniteGradientError, match="at step 4, with learning rate 0.0"),
        finite_gradients(trainer.optimizer),
    ):
        trainer.train_steps(np.arange(22, dtype=np.int32))
    assert trainer.step == 3 and trainer.epoch_metrics() == metrics
    for one, other in zip(weights(trainer), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finite_gradient_whose_norm_overflows_is_clipped():
    gradients = mean_gradients([tf.constant([3e30, 4e30])], tf.constant(1.0), 1.0)
    np.testing.assert_allclose(gradients[0], [0.6, 0.8], rtol=1e-6)


def test_other_errors_of_a_step_are_not_taken_for_a_gradient_that_is_not_finite():
    trainer = new_trainer()
    with pytest.raises(tf.errors.InvalidArgumentError), finite_gradients(trainer.optimizer):
        trainer.train_steps(np.array([22], np.int32))  # the images are numbered 0 to 21


def learning_rates(recipe, total_steps, steps):
    optimizer = new_optimizer(recipe, total_steps)
    rates = []
    for step in steps:
        optimizer.iterations.assign(step)
        rates.append(float(tf.convert_to_tensor(optimizer.learning_rate)))
    return rates


def test_learning_rate_rises_from_above_zero_and_then_falls_to_zero():
    recipe = dataclasses.replace(DEFAULT, learning_rate=0.5, warmup_steps=10)
    rates = learning_rates(recipe, 100, (0, 5, 10, 55, 100))
    assert rates == pytest.approx([0.05, 0.275, 0.5, 0.25, 0], abs=1e-6)


@pytest.mark.parametrize("warmup_steps", [0, 1, 2, 1000])
@pytest.mark.parametrize("total_steps", [1, 2, 3, 7])
def test_every_step_of_a_short_training_has_a_learning_rate_above_zero(warmup_steps, total_steps):
    recipe = dataclasses.replace(DEFAULT, learning_rate=0.5, warmup_steps=warmup_steps)
    rates = learning_rates(recipe, total_steps, range(total_steps + 1))
    assert all(0 < rate <= 0.5 for rate in rates[:-1]) and max(rates) == 0.5
    assert rates[-1] == pytest.approx(0, abs=1e-6)


def test_learning_rate_of_the_tutorial_is_constant():
    assert learning_rates(BASIC, 501, (0, 1, 250, 500)) == pytest.approx([1e-3] * 4)


def step_of_muon(gradient, weight_decay=0.0, name="kernel"):
    """The first update of a variable of ones."""
    changes = {"optimizer": "muon", "learning_rate": 0.01, "weight_decay": weight_decay}
    recipe = dataclasses.replace(BASIC, **changes)
    variable = tf.Variable(tf.ones(gradient.shape), name=name)
    optimizer = new_optimizer(recipe, 2)
    optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
    return variable.numpy() - 1


def test_muon_orthogonalizes_the_step_of_a_matrix(random):
    left, _, right = np.linalg.svd(random.normal(size=(3, 5)), full_matrices=False)
    step = step_of_muon(left * [100, 10, 1] @ right)
    scale = 0.01 * 0.2 * 5**0.5  # learning rate, RMS of Adam's steps, root of the longer side
    singular_values = left.T @ step @ right.T / -scale
    # The polynomial of the Newton-Schulz iteration ends between 0.7 and 1.2, not exactly at 1.
    np.testing.assert_allclose(singular_values, np.eye(3), atol=0.35)


@pytest.mark.parametrize("shape, name", [((4,), "bias"), ((2, 6), "bias"), ((3, 5), "weights_out")])
def test_muon_takes_adams_step_for_biases_and_the_output_projection(shape, name, random):
    gradient = random.normal(size=shape)
    step = step_of_muon(gradient, name=name)
    np.testing.assert_allclose(step, -0.01 * np.sign(gradient), rtol=1e-4)


@pytest.mark.parametrize(
    "name, decay", [("kernel", 0.01 * 0.3), ("weights_in", 0.01 * 0.3), ("weights_out", 0)]
)
def test_weight_decay_shrinks_matrices_but_not_the_output_projection(name, decay):
    assert not step_of_muon(np.zeros((3, 10)), name=name).any()
    decayed = step_of_muon(np.zeros((3, 10)), weight_decay=0.3, name=name)
    np.testing.assert_allclose(decayed, -decay, rtol=1e-4)


@pytest.mark.parametrize("cell", CELLS)
def test_muon_finds_the_matrices_of_every_network(cell):
    # With 10 units, weights['in'] has the shape of the output projection.
    recipe = dataclasses.replace(DEFAULT, optimizer="muon", cell=cell, units=10)
    trainer = Trainer(RowClassifier(recipe), IMAGES, LABELS, total_steps=2)
    orthogonalized = {
        name
        for name, variable in trainer.model.variables_by_name.items()
        if not trainer.optimizer._should_use_adamw(variable)
    }
    assert orthogonalized == {
        "weights['in']",
        "layers[0].kernel",
        "layers[0].recurrent_kernel",
    }


@pytest.mark.parametrize("recipe", [DEFAULT, BASIC], ids=["cosine", "constant"])
def test_the_first_step_of_a_training_changes_the_weights(recipe):
    recipe = dataclasses.replace(recipe, units=UNITS, time_steps=TIME_STEPS)
    trainer = Trainer(RowClassifier(recipe), IMAGES, LABELS, total_steps=500)
    before = weights(trainer)
    trainer.train_step(np.arange(8, dtype=np.int32))
    assert trainer.learning_rate > 0
    for one, other in zip(weights(trainer), before, strict=True):
        assert not np.array_equal(one, other)
