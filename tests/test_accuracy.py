"""A short real training: on MNIST if MNIST_DIR is set, else on synthetic digits."""

import dataclasses

from tf_lstm.data.dataset import load_dataset
from tf_lstm.engines.build import build_model
from tf_lstm.engines.distribution import new_trainer
from tf_lstm.evaluation import evaluate
from tf_lstm.recipes import DEFAULT
from tf_lstm.seeds import epoch_order
from tf_lstm.terminal.startup import cores

STEPS = 150


def test_a_short_training_classifies_nine_digits_in_ten():
    dataset = load_dataset()
    recipe = dataclasses.replace(DEFAULT, units=64, warmup_steps=20)
    model = build_model(recipe)
    trainer = new_trainer(model, dataset, STEPS, seed=0, shards=cores())
    indices = epoch_order(0, 1, len(dataset.train.labels))
    trainer.train_steps(indices[: STEPS * recipe.batch_size])
    test = evaluate(model, dataset.test.images, dataset.test.labels)
    assert test.count == 10_000
    assert test.accuracy > 0.9, dataset.name
