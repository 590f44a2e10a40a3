"""When does a second worker pay? On paper for several sizes, and measured on this machine.

Measured are one process on one core, and two worker processes on a core each, which exchange their
gradients over the machine's own network interface.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from benchmark import operations

from tf_lstm.command_line import FlagParser, number, run_script
from tf_lstm.errors import UserError
from tf_lstm.recipes import DEFAULT

BATCH_SIZES = (16, 64, 256, 1024)
IMAGES = 4096
NETWORK = 1.25e9  # bytes a second: 10 gigabit Ethernet
BYTES = 4  # of a float32


def parse_flags():
    parser = FlagParser(__doc__)
    text = "measurements of each batch size"
    parser.flag("--rounds", 5, text, type=number(int, 1, 100), default=5, metavar="N")
    parser.flag("--output", "none", "write the tables there", type=Path, metavar="FILE")
    parser.add_argument("--worker", type=int, metavar="CORE", help=argparse.SUPPRESS)
    return parser.parse_args()


def work(core, rounds):
    """Be one process on one core: print seconds a step for each batch size, as JSON."""
    os.sched_setaffinity(0, {core})
    from tf_lstm.startup import import_tensorflow

    import_tensorflow("cpu")
    import numpy as np

    from tf_lstm.distribution import new_strategy
    from tf_lstm.drawn_digits import draw_digits
    from tf_lstm.model import RowClassifier
    from tf_lstm.trainer import Trainer

    strategy = new_strategy("multi-worker" if "TF_CONFIG" in os.environ else "none")
    images, labels = draw_digits(IMAGES, seed=0)
    order = np.arange(IMAGES, dtype=np.int32)
    seconds = {}
    for batch_size in BATCH_SIZES:
        recipe = replace(DEFAULT, batch_size=batch_size, loss_rows="last")
        with strategy.scope():
            trainer = Trainer(RowClassifier(recipe, 0, "folded"), recipe, images, labels, 1000)
        trainer.train_steps(order[: 2 * batch_size])
        measured = []
        for _ in range(rounds):
            started = time.perf_counter()
            trainer.train_steps(order)
            measured.append((time.perf_counter() - started) * batch_size / IMAGES)
        seconds[batch_size] = statistics.median(measured)
    print(json.dumps(seconds), flush=True)


def measure(workers, rounds):
    """Milliseconds a step for each batch size, by so many processes."""
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
            subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    outputs = [process.communicate()[0] for process in processes]
    if not all(outputs):
        raise UserError("A worker failed: see above.")
    return {int(size): 1000 * s for size, s in json.loads(outputs[0]).items()}


def parameters(units):
    """How many numbers the network with one layer of so many units has."""
    return 28 * units + units + 2 * units * 4 * units + 4 * units + units * 10 + 10


def measured_table(one, two):
    """Milliseconds a step by one process and by two workers, and what is left for the exchange."""
    lines = [
        "| batch size | one process, ms a step | two workers, ms a step | ratio | exchange, ms |",
        "|---:|---:|---:|---:|---:|",
    ]
    for size in BATCH_SIZES:
        exchange = two[size] - one[size] / 2
        lines.append(
            f"| {size} | {one[size]:.1f} | {two[size]:.1f} | {two[size] / one[size]:.2f} "
            f"| {exchange:.1f} |"
        )
    return lines


def paper_table(rate):
    """What a network of `NETWORK` bytes a second allows for cores of `rate` operations a second."""
    lines = [
        f"On paper, for workers of {rate / 1e9:.0f} GFLOP/s as here, and a network of "
        f"{NETWORK / 1e9} GB/s:",
        "",
        "| units | MB reduced a step | exchange, ms | GFLOP an image | pays from batch |",
        "|---:|---:|---:|---:|---:|",
    ]
    for units in (128, 1024, 4096):
        # Reduced twice: once to clip the sum, once by the optimizer.
        reduced = 2 * BYTES * parameters(units)
        exchange = reduced / NETWORK
        work_per_image = operations(units, 1, 28)
        # Half of the batch's work must take longer than the exchange.
        batch = 2 * exchange / (work_per_image / rate)
        lines.append(
            f"| {units} | {reduced / 1e6:.1f} | {1000 * exchange:.1f} | {work_per_image / 1e9:.3f} "
            f"| {batch:.0f} |"
        )
    return lines


def main():
    flags = parse_flags()
    if flags.worker is not None:
        work(flags.worker, flags.rounds)
        return
    if len(getattr(os, "sched_getaffinity", lambda _: ())(0)) < 2:
        raise UserError("This needs Linux and two cores: run it on another machine.")
    one, two = measure(1, flags.rounds), measure(2, flags.rounds)
    largest = BATCH_SIZES[-1]
    rate = largest * operations(128, 1, 28) / (one[largest] / 1000)
    lines = [*measured_table(one, two), "", *paper_table(rate)]
    print("\n".join(lines))
    if flags.output:
        flags.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
