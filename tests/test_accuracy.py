"""A short real training: on MNIST where MNIST_DIR names it, on drawn digits elsewhere."""

import dataclasses

from tf_lstm.data import load_dataset
from tf_lstm.evaluation import evaluate
from tf_lstm.model import RowClassifier
from tf_lstm.recipes import DEFAULT
from tf_lstm.startup import cores
from tf_lstm.trainer import Trainer
from tf_lstm.training import epoch_order

STEPS = 150


def test_a_short_training_classifies_nine_digits_in_ten():
    dataset = load_dataset()
    recipe = dataclasses.replace(DEFAULT, units=64, warmup_steps=20)
    model = RowClassifier(recipe)
    images, labels = dataset.train.images, dataset.train.labels
    trainer = Trainer(model, recipe, images, labels, STEPS, cores())
    trainer.train_steps(epoch_order(0, 1, len(labels))[: STEPS * recipe.batch_size])
    test = evaluate(model, dataset.test.images, dataset.test.labels)
    assert test.count == 10_000
    assert test.accuracy > 0.9, dataset.name
