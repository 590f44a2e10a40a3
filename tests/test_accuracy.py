"""Short trainings on MNIST, if MNIST_DIR is set, and on synthetic digits."""

import dataclasses
import os

import pytest

from tf_lstm.data.dataset import load_dataset
from tf_lstm.engines.build import build_model
from tf_lstm.engines.distribution import new_trainer
from tf_lstm.evaluation import evaluate
from tf_lstm.recipes import DEFAULT
from tf_lstm.seeds import epoch_order
from tf_lstm.terminal.startup import cores

STEPS = 150
MNIST = os.environ.get("MNIST_DIR")


def accuracy_after_a_short_training(dataset):
    recipe = dataclasses.replace(DEFAULT, units=64, warmup_steps=20)
    model = build_model(recipe)
    trainer = new_trainer(model, dataset, STEPS, seed=0, shards=cores())
    indices = epoch_order(0, 1, len(dataset.train.labels))
    trainer.train_steps(indices[: STEPS * recipe.batch_size])
    test = evaluate(model, dataset.test.images, dataset.test.labels)
    assert test.count == 10_000
    return test.accuracy


@pytest.mark.skipif(not MNIST, reason="MNIST_DIR is not set")
def test_a_short_training_classifies_nine_digits_in_ten():
    dataset = load_dataset(MNIST)
    assert dataset.name == "MNIST" and accuracy_after_a_short_training(dataset) > 0.9


@pytest.mark.slow
def test_a_short_training_on_synthetic_digits_classifies_three_digits_in_four():
    """Of MNIST's test images if MNIST_DIR is set."""
    dataset = load_dataset(f"synthetic+{MNIST}" if MNIST else "synthetic")
    assert accuracy_after_a_short_training(dataset) > 0.75
