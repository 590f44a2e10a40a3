"""Every named system: its size, its equal in Keras layers, its dropout, its row predictions."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.drawn_digits import draw_digits
from tf_lstm.model import RowClassifier
from tf_lstm.recipes import BILSTM_30, DEEP, DEFAULT, KERAS_30, RECIPES, STACKED_32
from tf_lstm.trainer import Trainer

BATCH, TIME_STEPS, UNITS = 2, 3, 5
LAYERED = [DEFAULT, KERAS_30, BILSTM_30, STACKED_32]


def named(recipe):
    return recipe.name


def test_recipes_are_listed_under_their_names_and_are_plain_data():
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert all(isinstance(v, str | int | float | None) for v in asdict(recipe).values())


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("keras-30", 7_390),
        ("bilstm-30", 36_610),
        ("stacked-32", 24_778),
        ("default", 136_586),
        ("basic", 136_586),
    ],
)
def test_parameters_are_as_many_as_published(name, parameters):
    variables = RowClassifier(RECIPES[name]).variables_by_name.values()
    assert sum(np.prod(variable.shape) for variable in variables) == parameters


def test_every_cell_has_variables_of_its_own():
    variables = list(RowClassifier(replace(BILSTM_30, units=UNITS)).variables_by_name.values())
    assert len({id(variable) for variable in variables}) == len(variables) == 2 * 2 * 3 + 2


def keras_network(recipe, model):
    """The same network of Keras layers, with the same weights."""
    layers = [tf.keras.layers.Dense(recipe.units)] if recipe.input_projection else []
    for number in range(recipe.layers):
        is_top = number == recipe.layers - 1
        layer = tf.keras.layers.LSTM(recipe.units, return_sequences=not is_top)
        layers.append(tf.keras.layers.Bidirectional(layer) if recipe.bidirectional else layer)
    network = tf.keras.Sequential([*layers, tf.keras.layers.Dense(10)])
    network.build((None, TIME_STEPS, 28))
    network.set_weights([variable.numpy() for variable in model.variables_by_name.values()])
    return network


@pytest.mark.parametrize("recipe", LAYERED, ids=named)
def test_outputs_and_gradients_equal_those_of_keras_layers(recipe, random):
    recipe = replace(recipe, units=UNITS)
    model = RowClassifier(recipe, seed=4)
    network = keras_network(recipe, model)
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), tf.float32)
    results = []
    for classify, variables in (
        (lambda: model(rows)[:, -1], list(model.variables_by_name.values())),
        (lambda: network(rows), [variable.value for variable in network.trainable_variables]),
    ):
        with tf.GradientTape() as tape:
            logits = classify()
            target = tf.reduce_sum(tf.square(logits - 1))
        results.append([logits, *tape.gradient(target, variables)])
    for ours, keras in zip(*results, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(ours), tf.convert_to_tensor(keras), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("recipe", LAYERED, ids=named)
def test_row_predictions_never_see_the_rows_below(recipe, random):
    model = RowClassifier(replace(recipe, units=UNITS), dtype=tf.float64)
    rows = random.random((BATCH, TIME_STEPS, 28))
    changed = rows.copy()
    changed[:, 2:] = random.random((BATCH, 1, 28))
    before, after = (model.logits_of_prefixes(tf.constant(r)) for r in (rows, changed))
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert not np.allclose(before[:, 2:], after[:, 2:])


def test_the_last_row_prediction_is_the_classification(random):
    model = RowClassifier(replace(BILSTM_30, units=UNITS))
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), tf.float32)
    np.testing.assert_array_equal(model.logits_of_prefixes(rows)[:, -1], model(rows)[:, -1])


def test_dropout_draws_a_fresh_mask_for_each_layer_row_and_image():
    recipe = replace(DEEP, units=400, dropout=0.25)
    model = RowClassifier(recipe, dtype=tf.float64)
    rows = tf.constant(np.full((BATCH, TIME_STEPS, 28), 0.5))
    seed = tf.constant([1, 2], tf.int64)
    dropped = model.hidden_states(rows, seed)[0].numpy() == 0
    assert dropped.mean() == pytest.approx(0.25, abs=0.03)
    masks = dropped.reshape(-1, 400)
    assert len(np.unique(masks, axis=0)) == BATCH * TIME_STEPS
    other_step = model.hidden_states(rows, tf.constant([1, 3], tf.int64))[0].numpy() == 0
    assert not np.array_equal(dropped, other_step)


def test_there_is_no_dropout_outside_training(random):
    model = RowClassifier(replace(DEEP, units=UNITS))
    without = RowClassifier(replace(DEEP, units=UNITS, dropout=0.0))
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), tf.float32)
    np.testing.assert_array_equal(model(rows), without(rows))


@pytest.mark.parametrize("engine", ["cell", "folded"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_every_recipe_takes_a_step(recipe, engine):
    images, labels = draw_digits(4, seed=1)
    recipe = replace(recipe, units=UNITS)
    trainer = Trainer(RowClassifier(recipe, engine=engine), recipe, images, labels, 10)
    before = [variable.numpy() for variable in trainer.variables_to_train]
    _, _, *gradients = trainer.shard_gradients.python_function(
        tf.range(4), 4, tf.constant([0, 0], tf.int64)
    )
    trainer.optimizer.apply(gradients, trainer.variables_to_train)
    for old, new in zip(before, trainer.variables_to_train, strict=True):
        assert np.isfinite(new).all() and (recipe.warmup_steps or not np.array_equal(old, new))
