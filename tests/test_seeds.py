"""Everything random: reproducible, different at every step, and independent of each other."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.data.synthetic import render_digits
from tf_lstm.model import RowClassifier
from tf_lstm.recipes import DEFAULT
from tf_lstm.seeds import StepSeeds, epoch_order, initializer_seeds, step_seeds
from tf_lstm.train_step import Trainer


def pairs(seeds):
    return [tuple(np.array(seed).tolist()) for seed in seeds]


def test_the_seeds_of_a_step_differ_from_each_other_and_from_those_of_other_steps():
    seen = [
        pair
        for seed in (0, 1, 2**32 - 1)
        for step in (*range(100), 500_000)
        for pair in pairs(step_seeds(seed, tf.constant(step)))
    ]
    assert len(set(seen)) == len(seen) == 3 * 101 * len(StepSeeds._fields)


def test_the_seeds_of_a_step_are_reproducible():
    first, same = step_seeds(3, tf.constant(7)), step_seeds(3, tf.constant(7))
    assert pairs(first) == pairs(same)
    for seed in first:
        assert seed.shape == (2,) and seed.dtype == tf.int64


def test_the_first_initializers_do_not_depend_on_the_number_of_initializers():
    assert initializer_seeds(3, 6) == initializer_seeds(3, 40)[:6]
    assert len(set(initializer_seeds(3, 40) + initializer_seeds(4, 40))) == 80


def test_an_epoch_visits_every_image_once_in_an_order_of_the_seed_and_the_epoch():
    orders = [epoch_order(seed, epoch, 50) for seed, epoch in [(0, 1), (0, 2), (1, 1)]]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(50))
        assert order.dtype == np.int32
    assert len({tuple(order) for order in orders}) == 3
    np.testing.assert_array_equal(orders[0], epoch_order(0, 1, 50))


@pytest.fixture
def used_seeds(monkeypatch):
    """The seeds of all random operations, in the order of their use."""
    used = []

    def record(module, name, position):
        function = getattr(module, name)

        def recorded(*arguments, **options):
            used.append(arguments[position] if len(arguments) > position else options["seed"])
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, recorded)

    record(tf.random, "stateless_uniform", 1)
    record(tf.random, "stateless_normal", 1)
    record(tf.nn.experimental, "stateless_dropout", 2)
    return used


def test_no_two_random_operations_share_a_seed(used_seeds):
    recipe = replace(
        DEFAULT,
        units=5,
        layers=2,
        time_steps=7,
        dropout=0.5,
        augment="affine_elastic",
        row_order="shuffled",
    )
    images, labels = render_digits(4, seed=1)
    trainer = Trainer(RowClassifier(recipe), images, labels, total_steps=3, seed=6)
    used_seeds.clear()  # of the initial values
    for _ in range(3):
        trainer.train_step(tf.range(4))
    # Affine map, elastic displacements, row order, dropout of two layers, in three steps.
    assert len(set(pairs(used_seeds))) == len(used_seeds) == 4 * 3
    numbers = [tf.random.stateless_uniform((1000,), seed).numpy() for seed in list(used_seeds)]
    correlations = np.corrcoef(numbers) - np.eye(len(numbers))
    assert np.abs(correlations).max() < 0.15  # the standard deviation of each is 0.03
