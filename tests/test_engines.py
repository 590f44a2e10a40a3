"""Engines compute the same network: bidirectional layers, batches in shards, long sequences."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from saved_runs import write_digits
from tf_lstm.engines.bidirectional import BidirectionalLayer
from tf_lstm.engines.scan import ScanLayer
from tf_lstm.lstm import GatesLayer, LSTMLayer

from tf_lstm.data.dataset import load_dataset
from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import ENGINES, MAX_UNROLLED, build_model, usable_engine
from tf_lstm.engines.folded import FoldedLayer
from tf_lstm.engines.precision import describe_precision
from tf_lstm.engines.shards import in_shards, shard_trainer
from tf_lstm.published_systems import BILSTM_30
from tf_lstm.recipes import DEFAULT, RECIPES
from tf_lstm.runs import flags
from tf_lstm.runs.training import train_run
from tf_lstm.seeds import step_seeds
from tf_lstm.train_step import Trainer

BATCH, TIME_STEPS, FEATURES, UNITS = 2, 3, 4, 5
LAYER_TYPES = [LSTMLayer, GatesLayer, FoldedLayer, ScanLayer]
IMAGES, LABELS = render_digits(22, seed=5)


@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("layer_type", LAYER_TYPES)
def test_a_bidirectional_layer_equals_that_of_keras(layer_type, return_sequences, random):
    inputs = tf.constant(random.normal(size=(BATCH, TIME_STEPS, FEATURES)))
    layer = BidirectionalLayer(
        layer_type, FEATURES, UNITS, "glorot", itertools.count(1), tf.float64
    )
    layer.return_sequences = return_sequences
    variables = list(layer.variables_by_name.values())
    for variable in variables:
        variable.assign(random.normal(size=variable.shape))
    keras_layer = tf.keras.layers.Bidirectional(
        tf.keras.layers.LSTM(
            UNITS, return_sequences=return_sequences, return_state=True, dtype="float64"
        ),
        dtype="float64",
    )
    keras_layer.build((None, TIME_STEPS, FEATURES))
    keras_layer.set_weights([variable.numpy() for variable in variables])
    keras_variables = [variable.value for variable in keras_layer.trainable_variables]

    compared = []
    for read, trained in ((layer, variables), (keras_layer, keras_variables)):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs, *states = tf.nest.flatten(read(inputs))
            outputs = tf.reshape(outputs, (BATCH, -1, 2 * UNITS))
            target = tf.add_n([tf.reduce_sum(tf.sin(part)) for part in (outputs, *states)])
        gradients = tape.gradient(target, [inputs, *trained])
        compared.append([outputs, *states, *map(tf.convert_to_tensor, gradients)])
    assert len(compared[0]) == 1 + 4 + 1 + 6
    assert compared[0][0].shape == (BATCH, TIME_STEPS if return_sequences else 1, 2 * UNITS)
    for ours, keras in zip(*compared, strict=True):
        np.testing.assert_allclose(ours, keras, rtol=1e-9, atol=1e-10)


def test_only_the_top_layer_of_a_bidirectional_network_returns_its_last_outputs_alone():
    model = build_model(replace(BILSTM_30, units=UNITS, layers=3))
    assert [layer.return_sequences for layer in model.layers] == [True, True, False]
    assert not any(layer.causal for layer in model.layers)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_initial_values_do_not_depend_on_the_engine(engine):
    for recipe in (DEFAULT, BILSTM_30):
        recipe = replace(recipe, units=UNITS)
        cell, other = (build_model(recipe, seed=3, engine=name) for name in ("cell", engine))
        assert list(cell.variables_by_name) == list(other.variables_by_name)
        for name, variable in cell.variables_by_name.items():
            np.testing.assert_array_equal(variable, other.variables_by_name[name], err_msg=name)


def test_sequences_too_long_to_unroll_use_the_scan_engine():
    assert usable_engine("folded", RECIPES["steps-784"]) == "scan"
    assert usable_engine("folded", RECIPES["steps-196"]) == "folded"
    assert RECIPES["steps-196"].time_steps <= MAX_UNROLLED < 784
    model = build_model(replace(RECIPES["steps-784"], units=UNITS), engine="folded")
    assert type(model.layers[0]) is ScanLayer


def test_the_engines_of_the_command_line_exist():
    assert set(flags.ENGINES) <= set(ENGINES)


@pytest.mark.parametrize(
    "precision, flags, sentence",
    [
        ("float32", "avx512f", ""),
        ("mixed_bfloat16", "avx512f avx512_bf16", ""),
        ("mixed_bfloat16", "avx512f", "only emulates bfloat16"),
    ],
)
def test_a_processor_without_bfloat16_is_named(precision, flags, sentence, tmp_path):
    information = tmp_path / "cpuinfo"
    information.write_text(f"model name: any\nflags: fpu {flags} sse\n")
    described = describe_precision(precision, information)
    assert sentence in described and bool(sentence) == bool(described)
    assert describe_precision(precision, tmp_path / "missing") == ""


@pytest.mark.parametrize("capability, sentence", [((7, 5), ""), ((8, 0), "TensorFloat-32")])
def test_tensor_float_32_is_named(capability, sentence, monkeypatch):
    details = {"compute_capability": capability}
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    described = describe_precision("float32")
    assert sentence in described and bool(sentence) == bool(described)
    assert ("emulates" in describe_precision("mixed_bfloat16")) == (not sentence)


def doubled_with_seeds(batch, seeds):
    """Each number doubled, and the seeds of its shard."""
    seeds = tf.cast(tf.concat([seeds["a"], seeds["b"]], axis=0), tf.float64)  # (4,)
    return tf.concat(
        [2 * batch[:, tf.newaxis], tf.repeat(seeds[tf.newaxis], tf.size(batch), axis=0)], axis=1
    )


@pytest.mark.parametrize("size", [7, 6, 3, 2, 1])
@pytest.mark.parametrize("shards", [1, 2, 3])
def test_a_function_in_shards_keeps_the_order_and_gives_each_shard_a_seed(shards, size):
    batch = tf.range(size, dtype=tf.float64)
    seeds = {"a": tf.constant([3, 4], tf.int64), "b": tf.constant([3, 5], tf.int64)}
    results = in_shards(doubled_with_seeds, shards)(batch, seeds).numpy()
    np.testing.assert_array_equal(results[:, 0], 2 * np.arange(size))
    seeds_of_shards = {tuple(row) for row in results[:, 1:]}
    assert len(seeds_of_shards) == min(shards, size)
    assert all(tuple(row[:2]) != tuple(row[2:]) for row in seeds_of_shards)


@pytest.mark.parametrize("shards, expected", [(3, 3), (5, 1)])
def test_a_function_in_many_shards_is_traced_once_and_never_for_a_batch_size(shards, expected):
    traces = []

    def function(batch, seed):
        traces.append(batch.shape)
        return batch

    sharded = tf.function(
        in_shards(function, shards),
        input_signature=[tf.TensorSpec((None,)), tf.TensorSpec((2,), tf.int64)],
    )
    for size in (9, 7, 2):
        batch = tf.range(size, dtype=tf.float32)
        np.testing.assert_array_equal(sharded(batch, tf.constant([1, 2], tf.int64)), batch)
    assert len(traces) == expected


def new_trainer(shards, engine="cell", recipe=DEFAULT, **settings):
    small = {"units": 6, "time_steps": 7, "batch_size": 8, "warmup_steps": 0}
    recipe = replace(recipe, **small | settings)
    model = build_model(recipe, seed=1, engine=engine)
    trainer = Trainer(model, recipe, IMAGES, LABELS, total_steps=20)
    if shards > 1:
        shard_trainer(trainer, shards)
    return trainer


@pytest.mark.parametrize("engine", ["cell", "folded"])
@pytest.mark.parametrize("shards", [2, 3])
def test_a_batch_in_shards_takes_the_same_steps_as_a_whole_one(shards, engine):
    trainers = new_trainer(1, engine), new_trainer(shards, engine)
    for trainer in trainers:
        trainer.train_steps(np.arange(13, dtype=np.int32))  # batches of 8 and 5 images
        trainer.train_steps(np.arange(13, 14, dtype=np.int32))  # one image: empty shards
    for one, other in zip(*(trainer.variables_to_train for trainer in trainers), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    metrics = [trainer.epoch_metrics() for trainer in trainers]
    assert metrics[0] == pytest.approx(metrics[1]) and trainers[1].step == 3


@pytest.mark.parametrize(
    "settings",
    [
        {"recipe": BILSTM_30},
        {"layers": 2, "dropout": 0.5, "augment": "affine_elastic", "row_order": "shuffled"},
    ],
    ids=["bidirectional", "random"],
)
def test_empty_shards_leave_all_weights_finite(settings):
    trainer = new_trainer(3, **settings)
    before = [variable.numpy() for variable in trainer.variables_to_train]
    trainer.train_steps(np.arange(1, dtype=np.int32))
    for old, new in zip(before, trainer.variables_to_train, strict=True):
        assert np.isfinite(new).all() and not np.array_equal(old, new)


def test_shards_are_augmented_differently():
    trainer = new_trainer(2, augment="affine_elastic", time_steps=28)
    same = tf.constant(np.stack([IMAGES[0]] * 4))
    rows = trainer.training_rows(same, step_seeds(1, tf.constant(2))).numpy()
    assert len(np.unique(rows.reshape(4, -1), axis=0)) == 4


def test_an_unknown_engine_is_refused_before_a_run_is_created(tmp_path):
    dataset = load_dataset(write_digits(tmp_path / "digits.npz", 120))
    with pytest.raises(ValueError, match="'fold', not one of cell, gates, folded, scan"):
        train_run(dataset, folder=tmp_path / "run", engine="fold")
    assert not (tmp_path / "run").exists()
