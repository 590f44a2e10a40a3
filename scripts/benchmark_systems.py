"""The systems that `benchmark.py` compares, one to a process: the same network in each.

Each function takes the settings and NumPy arrays and returns a pair of functions: `train()` goes
once through the images with Adam, `infer()` classifies them all.

The process talks with the benchmark in lines: it prints a line of JSON when it is ready, that is
after its first training step, and answers each `train` or `infer` with the seconds that it took.
"""

import itertools
import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.recipes import DEFAULT
from tf_lstm.startup import cores, import_tensorflow

LEARNING_RATE = 1e-3
INFERENCE_BATCH = 500


def tf_lstm(engine):
    def build(settings, images, labels):
        import_tensorflow()
        from tf_lstm.evaluation import in_batches
        from tf_lstm.model import RowClassifier
        from tf_lstm.trainer import Trainer

        recipe = replace(
            DEFAULT,
            **settings,
            loss_rows="last",
            learning_rate=LEARNING_RATE,
            decay="none",
            clip_norm=None,
        )
        model = RowClassifier(recipe, engine=engine)
        trainer = Trainer(model, recipe, images, labels, 1, shards=cores())
        order = np.arange(len(labels), dtype=np.int32)
        return (
            lambda: trainer.train_steps(np.random.permutation(order)),
            lambda: in_batches(model.classify, images).argmax(axis=1),
            lambda: trainer.train_steps(order[: recipe.batch_size]),
        )

    return build


def keras(recurrent_layer):
    def build(settings, images, labels):
        import tensorflow as tf

        layers = tf.keras.layers
        units = settings["units"]
        network = [layers.Dense(units)]
        for number in range(settings["layers"]):
            options = {"return_sequences": number < settings["layers"] - 1}
            if recurrent_layer == "LSTM":
                network.append(layers.LSTM(units, **options))
            else:
                network.append(layers.RNN(layers.LSTMCell(units), **options))
        model = tf.keras.Sequential([*network, layers.Dense(10)])
        model.compile(
            tf.keras.optimizers.Adam(LEARNING_RATE),
            tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        rows = as_rows(settings, images)
        batch_size = settings["batch_size"]
        return (
            lambda: model.fit(rows, labels, batch_size, verbose=0),
            lambda: model.predict(rows, INFERENCE_BATCH, verbose=0).argmax(axis=1),
            lambda: model.fit(rows[:batch_size], labels[:batch_size], batch_size, verbose=0),
        )

    return build


def pytorch(settings, images, labels):
    import torch

    class Network(torch.nn.Module):
        def __init__(self, features, units, layers):
            super().__init__()
            self.project_in = torch.nn.Linear(features, units)
            self.lstm = torch.nn.LSTM(units, units, layers, batch_first=True)
            self.project_out = torch.nn.Linear(units, 10)

        def forward(self, rows):
            return self.project_out(self.lstm(self.project_in(rows))[0][:, -1])

    rows, targets = torch.from_numpy(as_rows(settings, images)), torch.from_numpy(labels).long()
    network = Network(rows.shape[2], settings["units"], settings["layers"])
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    cross_entropy = torch.nn.CrossEntropyLoss()

    def train(order=None):
        order = torch.randperm(len(targets)) if order is None else order
        for batch in torch.split(order, settings["batch_size"]):
            optimizer.zero_grad()
            cross_entropy(network(rows[batch]), targets[batch]).backward()
            optimizer.step()

    def infer():
        with torch.no_grad():
            return [network(batch).argmax(1) for batch in torch.split(rows, INFERENCE_BATCH)]

    return train, infer, lambda: train(torch.arange(settings["batch_size"]))


def jax_scan(settings, images, labels):
    import jax
    import jax.numpy as jnp

    units, layers, batch_size = settings["units"], settings["layers"], settings["batch_size"]
    rows, targets = jnp.asarray(as_rows(settings, images)), jnp.asarray(labels)
    keys = iter(jax.random.split(jax.random.key(0), 2 * layers + 2))
    glorot = jax.nn.initializers.glorot_uniform()
    variables = {
        "in": (glorot(next(keys), (rows.shape[2], units)), jnp.zeros(units)),
        "cells": [
            (
                glorot(next(keys), (units, 4 * units)),
                glorot(next(keys), (units, 4 * units)),
                jnp.zeros(4 * units).at[units : 2 * units].set(1.0),
            )
            for _ in range(layers)
        ],
        "out": (glorot(next(keys), (units, 10)), jnp.zeros(10)),
    }

    def logits(variables, rows):
        outputs = jnp.swapaxes(rows @ variables["in"][0] + variables["in"][1], 0, 1)
        for kernel, recurrent_kernel, bias in variables["cells"]:

            def cell(state, inputs, kernel=kernel, recurrent=recurrent_kernel, bias=bias):
                hidden, cell_state = state
                i, f, g, o = jnp.split(inputs @ kernel + hidden @ recurrent + bias, 4, axis=1)
                cell_state = jax.nn.sigmoid(f) * cell_state + jax.nn.sigmoid(i) * jnp.tanh(g)
                hidden = jax.nn.sigmoid(o) * jnp.tanh(cell_state)
                return (hidden, cell_state), hidden

            zeros = jnp.zeros((rows.shape[0], units))
            _, outputs = jax.lax.scan(cell, (zeros, zeros), outputs)
        return outputs[-1] @ variables["out"][0] + variables["out"][1]

    def loss(variables, rows, targets):
        log_probabilities = jax.nn.log_softmax(logits(variables, rows))
        return -jnp.mean(jnp.take_along_axis(log_probabilities, targets[:, None], 1))

    @jax.jit
    def step(variables, moments, count, batch):
        gradients = jax.grad(loss)(variables, rows[batch], targets[batch])
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], gradients)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, moments[1], gradients)
        rate = LEARNING_RATE * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        variables = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), variables, first, second
        )
        return variables, (first, second)

    zeros = jax.tree.map(jnp.zeros_like, variables)
    state = {"variables": variables, "moments": (zeros, zeros)}
    steps = itertools.count(1)

    def train(order=None):
        order = np.random.permutation(len(labels)) if order is None else order
        for start in range(0, len(order) - batch_size + 1, batch_size):
            state["variables"], state["moments"] = step(
                state["variables"],
                state["moments"],
                float(next(steps)),
                order[start : start + batch_size],
            )
        jax.block_until_ready(state["variables"])

    classify = jax.jit(lambda variables, rows: logits(variables, rows).argmax(1))

    def infer():
        starts = range(0, len(rows), INFERENCE_BATCH)
        return [
            np.asarray(classify(state["variables"], rows[start : start + INFERENCE_BATCH]))
            for start in starts
        ]

    return train, infer, lambda: train(np.arange(batch_size))


def matrix_product(settings, images, labels):
    """The floor's rate: a large product on all cores; `train` is one of 2 · 2048³ operations."""
    import tensorflow as tf

    matrix = tf.random.normal((2048, 2048))

    def multiply():
        tf.matmul(matrix, matrix).numpy()

    return multiply, multiply, multiply


def as_rows(settings, images):
    time_steps = settings["time_steps"]
    return images.reshape(len(images), time_steps, -1).astype(np.float32) / 255


SYSTEMS = {
    "this project, cell": tf_lstm("cell"),
    "this project, folded": tf_lstm("folded"),
    "Keras fit, LSTM": keras("LSTM"),
    "Keras fit, RNN(LSTMCell)": keras("RNN"),
    "PyTorch nn.LSTM": pytorch,
    "JAX scan": jax_scan,
    "matrix product": matrix_product,
}


def main():
    system, settings, count, data = sys.argv[1], json.loads(sys.argv[2]), *sys.argv[3:]
    images, labels = (np.load(data)[name][: int(count)] for name in ("images", "labels"))
    train, infer, first_step = SYSTEMS[system](settings, images, labels)
    first_step()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        {"train": train, "infer": infer}[line.strip()]()
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak_mib": peak}), flush=True)


if __name__ == "__main__":
    main()
