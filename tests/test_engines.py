"""Engines compute the same network; which one is used; batches in shards."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines import precision
from tf_lstm.engines.build import build_model
from tf_lstm.engines.names import ENGINES, MAX_UNROLLED, usable_engine
from tf_lstm.engines.precision import choose_precision, describe_precision
from tf_lstm.engines.shards import in_shards, part_of, useful_shards
from tf_lstm.published_systems import BILSTM_30, KERAS_30, STACKED_32
from tf_lstm.recipes import DEFAULT, RECIPES
from tf_lstm.train_step import Trainer, sum_gradients

BATCH, TIME_STEPS, UNITS = 2, 3, 5
IMAGES, LABELS = render_digits(22, seed=5)
LSTM_RECIPES = [
    DEFAULT,
    KERAS_30,
    BILSTM_30,
    STACKED_32,
    replace(BILSTM_30, name="bidirectional, projected", input_projection=True),
]
OTHER_CELLS = [replace(DEFAULT, name=cell, cell=cell, layers=2) for cell in ("gru", "rnn")]


def logits_and_gradients(recipe, engine, dtype, rows):
    model = build_model(replace(recipe, units=UNITS), seed=1, engine=engine, dtype=dtype)
    variables = list(model.variables_by_name.values())
    for variable in variables:  # the biases too, which are 0 at first
        generator = np.random.default_rng(variable.shape.num_elements())
        variable.assign(generator.normal(size=variable.shape) / 2)
    with tf.GradientTape() as tape:
        logits = model(rows)
        target = tf.reduce_sum(tf.square(logits - 1))
    gradients = tape.gradient(target, variables)
    return [logits, *map(tf.convert_to_tensor, gradients)]


@pytest.mark.parametrize("engine", ["gates", "folded", "loop"])
@pytest.mark.parametrize("recipe", [*LSTM_RECIPES, *OTHER_CELLS], ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("dtype, tolerance", [(tf.float32, 1e-5), (tf.float64, 1e-10)])
def test_engines_have_the_same_logits_and_gradients(recipe, engine, dtype, tolerance, random):
    if engine == "folded" and recipe.cell != "lstm":
        pytest.skip("the folded engine is written for the LSTM")
    rows = tf.constant(random.random((BATCH, TIME_STEPS, 28)), dtype)
    results = [logits_and_gradients(recipe, each, dtype, rows) for each in ("cell", engine)]
    for expected, ours in zip(*results, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(ours / scale, expected / scale, atol=tolerance)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_initial_values_do_not_depend_on_the_engine(engine):
    for recipe in (DEFAULT, BILSTM_30):
        recipe = replace(recipe, units=UNITS)
        cell, other = (build_model(recipe, seed=3, engine=name) for name in ("cell", engine))
        assert list(cell.variables_by_name) == list(other.variables_by_name)
        for name, variable in cell.variables_by_name.items():
            np.testing.assert_array_equal(variable, other.variables_by_name[name], err_msg=name)


def test_sequences_too_long_to_unroll_are_computed_in_a_loop():
    assert usable_engine("cell", RECIPES["pixels"]) == "loop"
    assert usable_engine("cell", RECIPES["steps-196"]) == "cell"
    assert usable_engine("folded", RECIPES["pixels"]) == "folded"  # has its own loop
    assert RECIPES["steps-196"].time_steps <= MAX_UNROLLED < 784


@pytest.mark.parametrize(
    "engine, changes, precision, word",
    [
        ("fold", {}, "float32", "'fold'"),
        ("folded", {"cell": "gru"}, "float32", "'gru'"),
        ("cell", {}, "mixed_bfloat16", "mixed_bfloat16"),
    ],
)
def test_an_engine_that_does_not_fit_is_refused(engine, changes, precision, word):
    with pytest.raises(ValueError, match=word):
        usable_engine(engine, replace(DEFAULT, **changes), precision)


def test_products_of_both_precisions_are_measured():
    """bfloat16 is emulated on some machines, which takes many times as long."""
    assert 0.02 < precision.bfloat16_ratio(replace(DEFAULT, batch_size=32, units=16)) < 200


@pytest.mark.parametrize("ratio, faster", [(0.7, "mixed_bfloat16"), (1.4, "float32")])
def test_the_faster_precision_is_taken_and_the_slower_one_is_named(ratio, faster, monkeypatch):
    monkeypatch.setattr(precision, "bfloat16_ratio", lambda recipe: ratio)
    assert choose_precision("auto", "folded", DEFAULT) == faster
    assert choose_precision("auto", "cell", DEFAULT) == "float32"  # has no other one
    assert choose_precision("mixed_bfloat16", "folded", DEFAULT) == "mixed_bfloat16"
    advice = "--precision float32" in describe_precision("mixed_bfloat16", DEFAULT)
    assert advice == (faster == "float32")


@pytest.mark.parametrize("capability, sentence", [((7, 5), ""), ((8, 0), "TensorFloat-32")])
def test_tensor_float_32_is_named(capability, sentence, monkeypatch):
    details = {"compute_capability": capability}
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    described = describe_precision("float32", DEFAULT)
    assert sentence in described and bool(sentence) == bool(described)


def count_and_sum(model, batch):
    """Instead of gradients: the sum of the labels, and how many there are."""
    labels = tf.cast(batch["labels"], tf.float32)
    return [tf.reduce_sum(labels)], tf.stack([tf.cast(tf.size(labels), tf.float32)])


@pytest.mark.parametrize("size", [11, 3, 1])
@pytest.mark.parametrize("shards", [1, 2, 3, 6])
def test_the_sums_of_the_shards_of_a_batch_are_those_of_the_batch(shards, size):
    batch = {"labels": tf.range(1, size + 1)}
    (total,), counts = in_shards(count_and_sum, shards)(None, batch)
    assert (float(total), float(counts[0])) == (size * (size + 1) / 2, size)


def test_parts_of_a_batch_differ_by_one_image_at_most():
    batch = {"labels": tf.range(11), "images": tf.range(11) * 10}
    parts = [part_of(batch, part, 4) for part in range(4)]
    assert [len(part["labels"]) for part in parts] == [2, 3, 3, 3]
    np.testing.assert_array_equal(tf.concat([p["images"] for p in parts], 0), batch["images"])


@pytest.mark.parametrize(
    "shards, batch_size, expected", [(2, 128, 2), (64, 128, 16), (16, 28, 3), (2, 1, 1)]
)
def test_no_shard_is_tiny(shards, batch_size, expected):
    assert useful_shards(shards, batch_size) == expected


@pytest.mark.parametrize("shards, expected", [(3, 3), (5, 1)])
def test_many_shards_are_traced_once_and_never_for_a_batch_size(shards, expected):
    traces = []

    def traced(model, batch):
        traces.append(batch["labels"].shape)
        return count_and_sum(model, batch)

    sharded = tf.function(
        lambda labels: in_shards(traced, shards)(None, {"labels": labels}),
        input_signature=[tf.TensorSpec((None,), tf.int32)],
    )
    for size in (9, 7, 2):
        assert sharded(np.arange(size, dtype=np.int32))[1][0] == size
    assert len(traces) == expected


RANDOM = {"augment": "affine_elastic", "augmented_share": 0.4, "row_order": "shuffled"}


def train(shards, engine="cell", recipe=DEFAULT, **settings):
    """A trainer after batches of 8 and 5 images, and one of a single image: empty shards."""
    small = {"units": 6, "time_steps": 4, "batch_size": 8, "warmup_steps": 0}
    model = build_model(replace(recipe, **small | settings), seed=1, engine=engine)
    trainer = Trainer(model, IMAGES, LABELS, 20, sum_gradients=in_shards(sum_gradients, shards))
    trainer.train_steps(np.arange(13, dtype=np.int32))
    trainer.train_steps(np.arange(13, 14, dtype=np.int32))
    return trainer


@pytest.mark.parametrize(
    "engine, settings",
    [
        ("cell", {}),
        ("folded", {}),
        ("cell", {"cell": "gru"}),
        ("folded", RANDOM | {"layers": 2, "dropout": 0.5}),
        ("cell", {"recipe": BILSTM_30}),
    ],
    ids=["cell", "folded", "gru", "random", "bidirectional"],
)
def test_a_recipe_means_the_same_with_any_number_of_shards(engine, settings):
    whole, other = train(1, engine, **settings), train(3, engine, **settings)
    for one, same in zip(whole.variables_to_train, other.variables_to_train, strict=True):
        np.testing.assert_allclose(one, same, atol=1e-4)
    assert whole.epoch_metrics() == pytest.approx(other.epoch_metrics())


def test_many_shards_augment_the_images_that_one_augments():
    whole, other = train(1, **RANDOM), train(8, **RANDOM)
    for one, same in zip(whole.variables_to_train, other.variables_to_train, strict=True):
        np.testing.assert_allclose(one, same, atol=1e-4)
