"""Every named system: its size, its equal in Keras layers, its dropout, its row predictions."""

from dataclasses import asdict, dataclass, replace

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import build_model
from tf_lstm.published_systems import BILSTM_30, DEEP, KERAS_30, STACKED_32
from tf_lstm.recipes import DEFAULT, RECIPES
from tf_lstm.settings import Recipe
from tf_lstm.train_step import Trainer

BATCH, TIME_STEPS, UNITS = 2, 3, 5
LAYERED = [DEFAULT, KERAS_30, BILSTM_30, STACKED_32]


def named(recipe):
    return recipe.name


def test_recipes_are_listed_under_their_names_and_are_plain_data():
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert all(isinstance(v, str | int | float | None) for v in asdict(recipe).values())


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"row_order": "shufled"}, "row_order is 'shufled', not 'reading' or 'reversed' or "),
        ({"eval_row_order": "Reading"}, "eval_row_order is 'Reading', not 'reading'"),
        ({"augment": "affin"}, "augment is 'affin', not 'none' or 'affine_elastic' or "),
        (
            {"initializer": "orthogonal"},
            "initializer is 'orthogonal', not 'glorot' or 'normal' or ",
        ),
        ({"loss_rows": "no"}, "loss_rows is 'no', not 'all_and_last' or 'all' or 'last'"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd', not 'adam' or 'rmsprop'"),
        ({"lr_schedule": "linear"}, "lr_schedule is 'linear', not 'constant' or 'cosine'"),
        ({"pad_position": "left"}, "pad_position is 'left', not 'side' or 'between'"),
        ({"units": 0}, "units is 0, not a whole number from 1 to 8,192"),
        ({"units": 12.0}, "units is 12.0, not a whole number"),
        ({"units": True}, "units is True, not a whole number"),
        ({"units": "12"}, "units is '12', not a whole number"),
        ({"layers": 101}, "layers is 101, not a whole number from 1 to 100"),
        ({"dropout": 1.0}, "dropout is 1.0, not a number from 0.0 to 0.99"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, not a number from 1e-09 to 10.0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan, not a number"),
        ({"learning_rate": None}, "learning_rate is None, not a number"),
        ({"global_clipnorm": 0.0}, "global_clipnorm is 0.0, not a number from .* or none"),
        ({"max_steps": 0}, "max_steps is 0, not a whole number from 1 to 1,000,000 or none"),
        ({"log_every": -1}, "log_every is -1, not a whole number from 1 to .* or none"),
        ({"validation": 1}, "validation is 1, not true or false"),
        ({"bidirectional": True}, "loss_rows is 'all_and_last', but .*: set loss_rows"),
        ({"weight_decay": 0.1}, "weight_decay is 0.1, but only the optimizer 'muon' uses it: set "),
        ({"pad_position": "between"}, "pad_columns is 0, which does not divide 28"),
        ({"pad_position": "between", "pad_columns": 3}, "pad_columns is 3, which does not divide"),
        ({"time_steps": 30}, "time_steps is 30, which does not divide an image of 784 pixels"),
        ({"pad_columns": 3, "time_steps": 56}, "time_steps is 56, .* an image of 868 pixels"),
    ],
    ids=str,
)
def test_a_recipe_that_makes_no_sense_is_refused_in_one_sentence(changes, message):
    with pytest.raises(ValueError, match=message) as refusal:
        replace(DEFAULT, **changes)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"bidirectional": True, "loss_rows": "last"},
        {"pad_position": "between", "pad_columns": 28},
        {"pad_columns": 14, "time_steps": 42},
        {"time_steps": 1},
        {"time_steps": 784},
        {"learning_rate": 1},
        {"optimizer": "muon", "weight_decay": 1},
        {"max_steps": None, "global_clipnorm": None},
    ],
    ids=str,
)
def test_a_recipe_at_the_limits_is_accepted(changes):
    replace(DEFAULT, **changes)


@dataclass(frozen=True)
class LaterRecipe(Recipe):
    """A recipe of a later version, with one more setting."""

    momentum: float = 0.0


def test_a_new_setting_with_a_default_leaves_older_settings_valid():
    for recipe in RECIPES.values():
        later = LaterRecipe(**asdict(recipe))
        assert later.momentum == 0.0
        assert asdict(later) == asdict(recipe) | {"momentum": 0.0}
    with pytest.raises(ValueError, match="momentum is 'none', not a number"):
        LaterRecipe(momentum="none")


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("keras-30", 7_390),
        ("bilstm-30", 36_610),
        ("stacked-32", 24_778),
        ("deep", 28 * 1024 + 3 * 256 * 1024 + 2 * 1024 + 2_570),
        ("default", 136_586),
        ("basic", 136_586),
    ],
)
def test_the_number_of_parameters_is_the_published_one(name, parameters):
    variables = build_model(RECIPES[name]).variables_by_name.values()
    assert sum(np.prod(variable.shape) for variable in variables) == parameters


def test_cells_share_no_variables():
    variables = list(build_model(replace(BILSTM_30, units=UNITS)).variables_by_name.values())
    assert len({id(variable) for variable in variables}) == len(variables) == 2 * 2 * 3 + 2


def keras_network(recipe, model):
    """The same network of Keras layers, with the same weights."""
    layers = [tf.keras.layers.Dense(recipe.units)] if recipe.input_projection else []
    for layer_index in range(recipe.layers):
        is_top = layer_index == recipe.layers - 1
        layer = tf.keras.layers.LSTM(recipe.units, return_sequences=not is_top)
        layers.append(tf.keras.layers.Bidirectional(layer) if recipe.bidirectional else layer)
    network = tf.keras.Sequential([*layers, tf.keras.layers.Dense(10)])
    network.build((None, TIME_STEPS, 28))
    network.set_weights([variable.numpy() for variable in model.variables_by_name.values()])
    return network


@pytest.mark.parametrize("recipe", LAYERED, ids=named)
def test_outputs_and_gradients_equal_those_of_keras_layers(recipe, random):
    recipe = replace(recipe, units=UNITS)
    model = build_model(recipe, seed=4)
    network = keras_network(recipe, model)
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), tf.float32)
    results = []
    for predict, variables in (
        (lambda: model(rows)[:, -1], list(model.variables_by_name.values())),
        (lambda: network(rows), [variable.value for variable in network.trainable_variables]),
    ):
        with tf.GradientTape() as tape:
            logits = predict()
            target = tf.reduce_sum(tf.square(logits - 1))
        results.append([logits, *tape.gradient(target, variables)])
    for ours, keras in zip(*results, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(ours), tf.convert_to_tensor(keras), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("recipe", LAYERED, ids=named)
def test_row_predictions_do_not_depend_on_the_rows_below(recipe, random):
    recipe = replace(recipe, units=UNITS, time_steps=7)  # four rows at a time
    model = build_model(recipe, dtype=tf.float64)
    images = random.integers(0, 256, (BATCH, 28, 28), np.uint8)
    changed = images.copy()
    changed[:, 12:] = random.integers(0, 256, (BATCH, 1, 28), np.uint8)
    before, after = model.row_logits(images), model.row_logits(changed)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert not np.allclose(before[:, 3:], after[:, 3:])


@pytest.mark.parametrize("recipe", LAYERED, ids=named)
def test_the_last_row_prediction_is_the_classification(recipe, random):
    model = build_model(replace(recipe, units=UNITS, time_steps=7))
    images = random.integers(0, 256, (BATCH, 28, 28), np.uint8)
    np.testing.assert_allclose(
        model.row_logits(images)[:, -1], model.image_logits(images), rtol=1e-5, atol=1e-6
    )


def masks_of(step):
    """The dropout masks of a batch of 40 images, (40, layers, time steps, units)."""
    images, labels = render_digits(40, seed=1)
    recipe = replace(DEEP, units=10, dropout=0.25, time_steps=7)
    trainer = Trainer(build_model(recipe), images, labels, 10)
    trainer.optimizer.iterations.assign(step)
    return trainer.sample_batch(tf.range(40))["dropout_masks"].numpy()


def test_dropout_samples_a_new_mask_for_each_layer_row_and_image():
    masks = masks_of(step=2)
    assert masks.shape == (40, 2, 7, 10)
    assert (masks == 0).mean() == pytest.approx(0.25, abs=0.03)
    np.testing.assert_allclose(masks[masks != 0], 1 / 0.75, rtol=1e-6)
    assert len(np.unique(masks.reshape(-1, 10), axis=0)) > 200  # of 560; 2 ** 10 are possible
    independent = 0.25**2 + 0.75**2  # the share of equal values in two independent masks
    assert (masks[:, 0] == masks[:, 1]).mean() == pytest.approx(independent, abs=0.04)
    assert (masks == masks_of(step=3)).mean() == pytest.approx(independent, abs=0.04)


def test_masks_multiply_the_outputs_of_every_layer(random):
    model = build_model(replace(DEEP, units=UNITS))
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), tf.float32)
    masks = np.ones((BATCH, 2, TIME_STEPS, UNITS), np.float32)
    np.testing.assert_array_equal(model(rows, tf.constant(masks)), model(rows))
    masks[:, 1] = 0  # nothing reaches the output projection but its biases
    logits = model(rows, tf.constant(masks))
    np.testing.assert_array_equal(logits, np.broadcast_to(model.biases["out"], logits.shape))
    masks[:, 1], masks[:, 0] = 1, 0
    assert not np.allclose(model(rows, tf.constant(masks)), model(rows))


def test_there_is_no_dropout_outside_training(random):
    model = build_model(replace(DEEP, units=UNITS))
    without = build_model(replace(DEEP, units=UNITS, dropout=0.0))
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), tf.float32)
    np.testing.assert_array_equal(model(rows), without(rows))


@pytest.mark.parametrize("engine", ["cell", "folded"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
def test_every_recipe_takes_a_step(recipe, engine):
    if engine == "folded" and recipe.cell != "lstm":
        pytest.skip("the folded engine is written for the LSTM")
    images, labels = render_digits(4, seed=1)
    recipe = replace(recipe, units=UNITS)
    trainer = Trainer(build_model(recipe, engine=engine), images, labels, 10)
    before = [variable.numpy() for variable in trainer.variables_to_train]
    trainer.train_step(tf.range(4))  # without a graph, which is slow to trace
    for old, new in zip(before, trainer.variables_to_train, strict=True):
        assert np.isfinite(new).all() and not np.array_equal(old, new)
