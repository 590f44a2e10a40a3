"""The network that epoch.py measures, in Keras and PyTorch."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tf_lstm.recipes import DEFAULT
from tf_lstm.settings import Recipe

LEARNING_RATE = 1e-3

Settings = Mapping[str, Any]  # batch_size, units, layers and time_steps


class Workload(NamedTuple):
    """What is measured."""

    train: Callable[[], object]  # one epoch with Adam
    infer: Callable[[int], object]  # classifies all images in batches of this size
    first_step: Callable[[], object]  # trains on one batch, so that everything is compiled


def as_rows(settings: Settings, images: np.ndarray) -> np.ndarray:
    """Images (n, 28, 28) uint8 -> (n, time steps, features) float32 in [0, 1]."""
    return images.reshape(len(images), settings["time_steps"], -1).astype(np.float32) / 255


def keras_network(
    recipe: Recipe, recurrent_activation: Any = "sigmoid", unroll: bool = False
) -> Any:
    """A recipe's network of Keras' layers: rows -> logits after the last one."""
    import tensorflow as tf

    layers = tf.keras.layers
    network = [layers.Dense(recipe.units)] if recipe.input_projection else []
    for layer_index in range(recipe.layers):
        layer = layers.LSTM(
            recipe.units,
            recurrent_activation=recurrent_activation,
            return_sequences=layer_index < recipe.layers - 1,
            unroll=unroll,
        )
        network.append(layers.Bidirectional(layer) if recipe.bidirectional else layer)
    return tf.keras.Sequential([*network, layers.Dense(10)])


def keras(
    settings: Settings, images: np.ndarray, labels: np.ndarray, unroll: bool = False
) -> Workload:
    """Keras' LSTM layers and `fit`; `unroll` is the layers' own option."""
    import tensorflow as tf

    batch_size = settings["batch_size"]
    model = keras_network(replace(DEFAULT, **settings), unroll=unroll)
    model.compile(
        tf.keras.optimizers.Adam(LEARNING_RATE),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rows = as_rows(settings, images)
    return Workload(
        lambda: model.fit(rows, labels, batch_size, verbose=0),
        lambda size: model.predict(rows, size, verbose=0).argmax(axis=1),
        lambda: model.fit(rows[:batch_size], labels[:batch_size], batch_size, verbose=0),
    )


def pytorch(
    settings: Settings,
    images: np.ndarray,
    labels: np.ndarray,
    folded: bool = False,
    bfloat16: bool = False,
) -> Workload:
    """PyTorch's nn.LSTM, in a plain training loop.

    Args:
        settings, images, labels: as for every system.
        folded: leave the input projection out, as if it were folded into the LSTM's kernel.
        bfloat16: compute the forward pass under autocast.
    """
    import torch

    rows, targets = torch.from_numpy(as_rows(settings, images)), torch.from_numpy(labels).long()
    features, units = rows.shape[2], settings["units"]
    project_in = torch.nn.Identity() if folded else torch.nn.Linear(features, units)
    inputs = features if folded else units
    lstm = torch.nn.LSTM(inputs, units, settings["layers"], batch_first=True)
    project_out = torch.nn.Linear(units, 10)
    modules = torch.nn.ModuleList([project_in, lstm, project_out])
    optimizer = torch.optim.Adam(modules.parameters(), LEARNING_RATE)
    cross_entropy = torch.nn.CrossEntropyLoss()

    def network(batch: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return project_out(lstm(project_in(batch))[0][:, -1]).float()

    def train(order: Any = None) -> None:
        order = torch.randperm(len(targets)) if order is None else order
        for batch in torch.split(order, settings["batch_size"]):
            optimizer.zero_grad()
            cross_entropy(network(rows[batch]), targets[batch]).backward()
            optimizer.step()

    def infer(batch_size: int) -> list[Any]:
        with torch.inference_mode():
            return [network(batch).argmax(1) for batch in torch.split(rows, batch_size)]

    return Workload(train, infer, lambda: train(torch.arange(settings["batch_size"])))
