"""The training loop: its epochs, its history, and what its hooks may do."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tf_lstm import train_loop
from tf_lstm.data.dataset import Dataset, Split
from tf_lstm.data.synthetic import render_digits
from tf_lstm.evaluation import evaluate
from tf_lstm.model import RowClassifier
from tf_lstm.published_systems import BASIC
from tf_lstm.recipes import DEFAULT
from tf_lstm.seeds import epoch_order
from tf_lstm.train_loop import Hooks, count_steps, steps_in_a_second, train
from tf_lstm.train_step import Trainer

TRAINING, VALIDATION = 22, 9
SMALL = replace(DEFAULT, units=4, time_steps=7, batch_size=8, epochs=2)  # 2 epochs of 3 steps


def new_training(validation=VALIDATION, **settings):
    images, labels = render_digits(TRAINING + validation, seed=5)
    split = Split(images[:TRAINING], labels[:TRAINING])
    held_out = Split(images[TRAINING:], labels[TRAINING:])
    dataset = Dataset("digits (not MNIST)", "none", "none", split, held_out, held_out)
    recipe = replace(SMALL, **settings)
    _, total_steps = count_steps(recipe, TRAINING)
    model = RowClassifier(recipe, seed=1)
    return Trainer(model, split.images, split.labels, total_steps, seed=2), dataset


def weights(trainer):
    return [variable.numpy() for variable in trainer.variables_to_train]


def assert_same(trainer, other):
    for one, another in zip(weights(trainer), weights(other), strict=True):
        np.testing.assert_array_equal(one, another)


class Recorder(Hooks):
    """Keeps what it is called with; raises `Stop` after the given step."""

    def __init__(self, trainer, stop_after=None):
        self.trainer, self.stop_after = trainer, stop_after
        self.steps, self.batches, self.metrics = [], [], []

    def after_steps(self, epoch, step, batch):
        assert step == self.trainer.step
        self.steps.append((epoch, step))
        self.batches.append(batch)
        if self.trainer.step == self.stop_after:
            raise Stop

    def after_epoch(self, metrics):
        self.metrics.append(metrics)


class Stop(Exception):
    pass


@pytest.fixture
def single_steps(monkeypatch):
    monkeypatch.setattr(train_loop, "steps_in_a_second", lambda trainer: 1)


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, (3, 6)),
        ({"batch_size": 11}, (2, 4)),
        ({"batch_size": 60_000}, (1, 2)),
        ({"max_steps": 4}, (3, 4)),
        ({"max_steps": 100}, (3, 100)),
    ],
    ids=str,
)
def test_steps_are_counted_with_the_last_smaller_batch(settings, expected):
    assert count_steps(replace(SMALL, **settings), TRAINING) == expected


def test_the_hooks_see_every_step_and_the_indices_of_its_images(single_steps):
    trainer, dataset = new_training()
    hooks = Recorder(trainer)
    train(trainer, dataset, [hooks], [])
    assert hooks.steps == [(1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (2, 6)]
    for epoch in (1, 2):
        batches = hooks.batches[3 * (epoch - 1) : 3 * epoch]
        assert [len(batch) for batch in batches] == [8, 8, 6]
        order = epoch_order(trainer.seed, epoch, TRAINING)
        np.testing.assert_array_equal(np.concatenate(batches), order)


def test_several_steps_at_once_equal_single_steps(monkeypatch):
    trainings = []
    for steps in (1, 2, 20):
        monkeypatch.setattr(train_loop, "steps_in_a_second", lambda trainer, n=steps: n)
        trainer, dataset = new_training()
        hooks = Recorder(trainer)
        train(trainer, dataset, [hooks], [])
        trainings.append((trainer, hooks))
    assert [len(hooks.steps) for _, hooks in trainings] == [6, 4, 2]
    for trainer, hooks in trainings:
        assert_same(trainer, trainings[0][0])
        last_batch = trainings[0][1].batches[-1]
        np.testing.assert_array_equal(hooks.batches[-1], last_batch)


def test_each_epoch_is_appended_to_the_history_before_its_hook():
    trainer, dataset = new_training()
    history = []

    class Lengths(Hooks):
        def after_epoch(self, metrics):
            assert history[-1] is metrics and len(history) == metrics.epoch

    train(trainer, dataset, [Lengths()], history)
    assert [(metrics.epoch, metrics.step) for metrics in history] == [(1, 3), (2, 6)]
    for metrics in history:
        assert 0 <= metrics.train_accuracy <= 1 and metrics.train_loss > 0
        assert metrics.seconds >= 0
    validation = evaluate(trainer.model, dataset.validation.images, dataset.validation.labels)
    assert history[-1].validation_loss == pytest.approx(validation.loss)
    assert history[-1].validation_accuracy == validation.accuracy
    assert history[-1].learning_rate == pytest.approx(0, abs=1e-6)  # of a seventh step


def test_the_training_metrics_are_those_of_one_epoch():
    constant = {"learning_rate": 1e-9, "lr_schedule": "constant"}
    trainer, dataset = new_training(**constant)
    history = []
    train(trainer, dataset, [], history)
    expected = evaluate(trainer.model, dataset.train.images, dataset.train.labels)
    for metrics in history:
        assert metrics.train_loss == pytest.approx(expected.loss, rel=1e-5)
        assert metrics.train_accuracy == pytest.approx(expected.accuracy)


def test_without_validation_images_the_validation_metrics_are_nan():
    trainer, dataset = new_training(validation=0, epochs=1)
    history = []
    train(trainer, dataset, [], history)
    assert math.isnan(history[0].validation_loss)
    assert math.isnan(history[0].validation_accuracy)


@pytest.mark.parametrize("max_steps, steps", [(2, [2]), (3, [3]), (4, [3, 4]), (8, [3, 6, 8])])
def test_max_steps_ends_the_training_within_an_epoch(max_steps, steps):
    trainer, dataset = new_training(max_steps=max_steps)
    history = []
    train(trainer, dataset, [], history)
    assert [metrics.step for metrics in history] == steps and trainer.step == max_steps


@pytest.mark.parametrize("stop_after", range(1, 7))
def test_a_training_continues_after_a_hook_that_raised_as_if_it_had_not(stop_after, single_steps):
    uninterrupted, dataset = new_training()
    expected = []
    train(uninterrupted, dataset, [], expected)
    trainer, dataset = new_training()
    history = []
    with pytest.raises(Stop):
        train(trainer, dataset, [Recorder(trainer, stop_after)], history)
    assert trainer.step == stop_after  # a whole number of steps, and no step more
    assert len(history) == (stop_after - 1) // 3
    train(trainer, dataset, [], history)
    assert_same(trainer, uninterrupted)
    for metrics, other in zip(history, expected, strict=True):
        assert replace(metrics, seconds=0) == replace(other, seconds=0)


def test_a_hook_that_raises_after_an_epoch_leaves_that_epoch_in_the_history():
    class StopsAfterEpoch(Hooks):
        def after_epoch(self, metrics):
            raise Stop

    trainer, dataset = new_training()
    history = []
    with pytest.raises(Stop):
        train(trainer, dataset, [StopsAfterEpoch()], history)
    assert trainer.step == 3 and [metrics.epoch for metrics in history] == [1]


def test_a_finished_training_takes_no_further_step():
    trainer, dataset = new_training()
    history = []
    train(trainer, dataset, [], history)
    before = weights(trainer)
    train(trainer, dataset, [Recorder(trainer, stop_after=6)], history)
    assert trainer.step == 6 and len(history) == 2
    for one, other in zip(weights(trainer), before, strict=True):
        np.testing.assert_array_equal(one, other)


class Every(Recorder):
    """Asks to be called after every third step."""

    def steps_to_next(self, step):
        return 3 - step % 3


def test_every_hook_is_called_when_one_of_them_asks_for_it():
    trainer, dataset = new_training(batch_size=2, max_steps=7)
    hooks = Recorder(trainer), Every(trainer)
    train(trainer, dataset, hooks, [])
    assert hooks[0].steps == hooks[1].steps == [(1, 3), (1, 6), (1, 7)]


def test_large_networks_return_to_the_hooks_more_often():
    trainer, _ = new_training()
    assert steps_in_a_second(trainer) == 20
    large = replace(BASIC, units=1024)
    trainer.recipe = large
    trainer.variables_to_train = list(RowClassifier(large).variables_by_name.values())
    assert steps_in_a_second(trainer) == 1
