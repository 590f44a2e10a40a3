"""The systems that epoch.py compares: the same network in each.

As a program, it runs one of them:

    python scripts/benchmarks/systems.py SYSTEM SETTINGS COUNT DATA

It prints a line of JSON after its first training step. It answers each line, `train` or the size of
the batches in which to classify the images, with the seconds that this took.
"""

import importlib.util
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from floors import engine_products, matrix_product
from frameworks import LEARNING_RATE, Settings, Workload, keras, pytorch

from tf_lstm.engines.names import EngineName
from tf_lstm.recipes import DEFAULT
from tf_lstm.settings import Precision
from tf_lstm.terminal.startup import cores, import_tensorflow


class System(NamedTuple):
    """One of the systems, and what it needs."""

    # Takes the settings, the images (n, 28, 28) uint8 and their labels (n,) int32.
    build: Callable[[Settings, np.ndarray, np.ndarray], Workload]
    package: str = "tensorflow"
    bfloat16: bool = False  # skipped where float32 is faster


def this_project(
    settings: Settings,
    images: np.ndarray,
    labels: np.ndarray,
    engine: EngineName,
    precision: Precision = "float32",
) -> Workload:
    """This project with one of its engines and one shard per core, as in train_mnist.py."""
    import_tensorflow()
    from tf_lstm.engines.build import build_model
    from tf_lstm.engines.shards import in_shards, useful_shards
    from tf_lstm.evaluation import in_batches
    from tf_lstm.train_step import Trainer, sum_gradients

    recipe = replace(
        DEFAULT,
        **settings,
        loss_rows="last",
        learning_rate=LEARNING_RATE,
        lr_schedule="constant",
        global_clipnorm=None,
    )
    model = build_model(recipe, engine=engine, precision=precision)
    shards = useful_shards(cores(), recipe.batch_size)
    sums = in_shards(sum_gradients, shards)
    trainer = Trainer(model, images, labels, total_steps=1, sum_gradients=sums)
    order = np.arange(len(labels), dtype=np.int32)
    return Workload(
        lambda: trainer.train_steps(np.random.permutation(order)),
        lambda size: in_batches(model.image_logits, images, size).argmax(axis=1),
        lambda: trainer.train_steps(order[: recipe.batch_size]),
    )


SYSTEMS = {
    "this project, cell": System(partial(this_project, engine="cell")),
    "this project, gates": System(partial(this_project, engine="gates")),
    "this project, folded": System(partial(this_project, engine="folded")),
    "this project, folded, bfloat16": System(
        partial(this_project, engine="folded", precision="mixed_bfloat16"), bfloat16=True
    ),
    "Keras fit, LSTM": System(keras),
    "Keras fit, LSTM, unrolled": System(partial(keras, unroll=True)),
    "PyTorch nn.LSTM": System(pytorch, "torch"),
    "PyTorch, folded": System(partial(pytorch, folded=True), "torch"),
    "PyTorch, bfloat16": System(partial(pytorch, bfloat16=True), "torch", bfloat16=True),
    "PyTorch, folded, bfloat16": System(
        partial(pytorch, folded=True, bfloat16=True), "torch", bfloat16=True
    ),
    "engine products": System(engine_products),
    "matrix product": System(matrix_product),
}
FLOORS = ("engine products", "matrix product")  # lower bounds, for comparison


def available_systems() -> tuple[list[str], list[str]]:
    """The systems that can be measured here, and a line about each of the others."""
    import_tensorflow()
    from tf_lstm.engines.precision import bfloat16_ratio

    slow = "bfloat16 products are slower here" if bfloat16_ratio(DEFAULT) > 1 else ""
    available, lines = [], []
    for name, system in SYSTEMS.items():
        reason = slow if system.bfloat16 else ""
        if not importlib.util.find_spec(system.package):
            reason = f"{system.package} is not installed"
        if reason:
            lines.append(f"{name}: not measured, {reason}")
        else:
            available.append(name)
    return available, lines


def count_operations(units: int, layers: int, time_steps: int) -> int:
    """Floating-point operations to train on one image, with the input projection folded.

    Each entry of a matrix costs a multiplication and an addition in each of three products: the
    forward pass, the gradient of the matrix, and the gradient of its input. The first layer's input
    is data and needs no gradient.
    """
    features = 784 // time_steps
    first_inputs = 2 * features * 4 * units
    other_inputs = 3 * units * 4 * units * (layers - 1)
    recurrent = 3 * units * 4 * units * layers
    return 2 * (time_steps * (first_inputs + other_inputs + recurrent) + 3 * units * 10)


def main() -> None:
    system, settings, count, data = sys.argv[1:]
    images, labels = (np.load(data)[name][: int(count)] for name in ("images", "labels"))
    workload = SYSTEMS[system].build(json.loads(settings), images, labels)
    workload.first_step()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        task = line.strip()
        workload.train() if task == "train" else workload.infer(int(task))
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak_mib": peak}), flush=True)


if __name__ == "__main__":
    main()
