"""Measure the time of a training step with one worker and with two, for several batch sizes.

Each worker is a process on one core of this machine. Two workers exchange their gradients over the
loopback interface.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from machine import describe_machine

from tf_lstm.recipes import DEFAULT
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow
from tf_lstm.terminal.tables import markdown_table

BATCH_SIZES = (16, 64, 256, 1024)
IMAGES = 4096


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.flag("--rounds", "measurements of each batch size", 5, type=number(int, 1, 100))
    parser.add_output(None, ".md", help="file for the table")
    parser.add_argument("--worker", type=int, metavar="CORE", help=argparse.SUPPRESS)
    return parser.parse_args()


def train_on_core(core: int, rounds: int) -> None:
    """Train in this process on one core, and print the seconds per step by batch size, as JSON."""
    os.sched_setaffinity(0, {core})
    import_tensorflow("cpu")
    import numpy as np

    from tf_lstm.data.dataset import Dataset, Split
    from tf_lstm.data.synthetic import render_digits
    from tf_lstm.engines.build import build_model
    from tf_lstm.engines.distribution import new_strategy, new_trainer

    strategy = new_strategy("multi-worker" if "TF_CONFIG" in os.environ else "none")
    digits = Split(*render_digits(IMAGES, seed=0))
    dataset = Dataset("synthetic digits", "synthetic", "", digits, digits, digits)
    order = np.arange(IMAGES, dtype=np.int32)
    seconds = {}
    for batch_size in BATCH_SIZES:
        recipe = replace(DEFAULT, batch_size=batch_size, loss_rows="last")
        with strategy.scope():
            model = build_model(recipe, engine="folded")
            trainer = new_trainer(model, dataset, total_steps=1000, seed=0, shards=1)
        trainer.train_steps(order[: 2 * batch_size])
        measured = []
        for _ in range(rounds):
            started = time.perf_counter()
            trainer.train_steps(order)
            measured.append((time.perf_counter() - started) * batch_size / IMAGES)
        seconds[batch_size] = statistics.median(measured)
    print(json.dumps(seconds), flush=True)


def measure(workers: int, rounds: int) -> dict[int, float]:
    """The milliseconds per step, by batch size, with this number of workers."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(workers)]
    addresses = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    processes = []
    for index, core in enumerate(sorted(os.sched_getaffinity(0))[:workers]):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        command = [sys.executable, __file__, "--rounds", str(rounds), "--worker", str(core)]
        environment = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
        if workers > 1:
            environment["TF_CONFIG"] = json.dumps(config)
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        )
    outputs = [process.communicate()[0] for process in processes]
    if not all(outputs):
        raise UserError("A worker failed: see above.")
    return {int(size): 1000 * seconds for size, seconds in json.loads(outputs[0]).items()}


def step_table(one: Mapping[int, float], two: Mapping[int, float]) -> str:
    """The milliseconds per step of one worker and of two, and their ratio, by batch size."""
    rows = [
        (size, f"{one[size]:.1f}", f"{two[size]:.1f}", f"{two[size] / one[size]:.2f}")
        for size in BATCH_SIZES
    ]
    columns = "batch size | one worker, ms per step | two workers, ms per step | ratio"
    return markdown_table(columns, "rrrr", rows)


def main() -> None:
    flags = parse_flags()
    if flags.worker is not None:
        train_on_core(flags.worker, flags.rounds)
        return
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        raise UserError("This needs Linux and two cores: run it on another machine.")
    table = step_table(measure(1, flags.rounds), measure(2, flags.rounds))
    text = f"{describe_machine()}.\n\n{table}"
    print(text, end="")
    if flags.output:
        write_markdown(flags.output, text)


if __name__ == "__main__":
    run_script(main)
