"""The systems that epoch.py compares: the same network in each.

As a program, it runs one of them:

    python scripts/benchmarks/systems.py SYSTEM SETTINGS COUNT DATA

It prints a line of JSON after its first training step. It answers each line `train` or `infer` with
the seconds that this took.
"""

import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from frameworks import LEARNING_RATE, Build, Settings, Workload, keras, pytorch

from tf_lstm.recipes import DEFAULT
from tf_lstm.terminal.startup import cores, import_tensorflow


def this_project(engine: str) -> Build:
    """This project with one of its engines, in a shard per core as train_mnist.py."""

    def build(settings: Settings, images: np.ndarray, labels: np.ndarray) -> Workload:
        import_tensorflow()
        from tf_lstm.engines.build import build_model
        from tf_lstm.engines.shards import shard_trainer
        from tf_lstm.evaluation import in_batches
        from tf_lstm.train_step import Trainer

        recipe = replace(
            DEFAULT,
            **settings,
            loss_rows="last",
            learning_rate=LEARNING_RATE,
            lr_schedule="constant",
            global_clipnorm=None,
        )
        model = build_model(recipe, engine=engine)
        trainer = Trainer(model, recipe, images, labels, total_steps=1)
        shard_trainer(trainer, cores())
        order = np.arange(len(labels), dtype=np.int32)
        return Workload(
            lambda: trainer.train_steps(np.random.permutation(order)),
            lambda: in_batches(model.image_logits, images).argmax(axis=1),
            lambda: trainer.train_steps(order[: recipe.batch_size]),
        )

    return build


def matrix_product(settings: Settings, images: np.ndarray, labels: np.ndarray) -> Workload:
    """A large matrix product on all cores, 2 · 2048³ operations: the fastest the machine can be."""
    import tensorflow as tf

    matrix = tf.random.normal((2048, 2048))

    def multiply() -> None:
        tf.matmul(matrix, matrix).numpy()

    return Workload(multiply, multiply, multiply)


SYSTEMS: Mapping[str, Build] = {
    "this project, cell": this_project("cell"),
    "this project, gates": this_project("gates"),
    "this project, folded": this_project("folded"),
    "Keras fit, LSTM": keras,
    "PyTorch nn.LSTM": pytorch,
    "matrix product": matrix_product,
}


def main() -> None:
    system, settings, count, data = sys.argv[1:]
    images, labels = (np.load(data)[name][: int(count)] for name in ("images", "labels"))
    workload = SYSTEMS[system](json.loads(settings), images, labels)
    workload.first_step()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        {"train": workload.train, "infer": workload.infer}[line.strip()]()
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak_mib": peak}), flush=True)


if __name__ == "__main__":
    main()
