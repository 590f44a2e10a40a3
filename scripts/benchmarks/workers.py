"""Measure at which batch size a second worker pays off, and compute it for larger networks.

One process on one core is compared with two worker processes on one core each, which exchange their
gradients over the loopback interface.
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

from systems import count_operations

from tf_lstm.recipes import DEFAULT
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow
from tf_lstm.terminal.tables import markdown_table

BATCH_SIZES = (16, 64, 256, 1024)
IMAGES = 4096
BANDWIDTH = 1.25e9  # bytes per second: 10 gigabit Ethernet
BYTES = 4  # of a float32


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.flag("--rounds", "measurements of each batch size", 5, type=number(int, 1, 100))
    parser.add_output(None, ".md", help="file for the tables")
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
    """The milliseconds per step, by batch size, of one process or of several workers."""
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


def count_parameters(units: int) -> int:
    """The number of parameters of the default network, with one layer of `units`."""
    return 28 * units + units + 2 * units * 4 * units + 4 * units + units * 10 + 10


def measured_table(one: Mapping[int, float], two: Mapping[int, float]) -> str:
    """The milliseconds per step of one process and of two workers, by batch size.

    The exchange is what two workers take beyond half of one process's time.
    """
    rows = []
    for size in BATCH_SIZES:
        exchange = two[size] - one[size] / 2
        ratio = two[size] / one[size]
        rows.append(
            (size, f"{one[size]:.1f}", f"{two[size]:.1f}", f"{ratio:.2f}", f"{exchange:.1f}")
        )
    columns = (
        "batch size | one process, ms per step | two workers, ms per step | ratio | exchange, ms"
    )
    return markdown_table(columns, "rrrrr", rows)


def computed_table(rate: float) -> str:
    """The batch size from which a second worker pays off, for cores of `rate` operations/s."""
    rows = []
    for units in (128, 1024, 4096):
        # Reduced twice: once to clip the sum, once by the optimizer.
        reduced = 2 * BYTES * count_parameters(units)
        exchange = reduced / BANDWIDTH  # seconds
        operations = count_operations(units, layers=1, time_steps=28)
        # Half of the batch's work must take longer than the exchange.
        batch_size = 2 * exchange / (operations / rate)
        numbers = f"{reduced / 1e6:.1f}", f"{1000 * exchange:.1f}", f"{operations / 1e9:.3f}"
        rows.append((units, *numbers, f"{batch_size:.0f}"))
    columns = (
        "units | MB reduced per step | exchange, ms | GFLOP per image | pays off from batch size"
    )
    return (
        f"Computed for workers of {rate / 1e9:.0f} GFLOP/s, as measured here, and a network of "
        f"{BANDWIDTH / 1e9} GB/s:\n\n{markdown_table(columns, 'rrrrr', rows)}"
    )


def main() -> None:
    flags = parse_flags()
    if flags.worker is not None:
        train_on_core(flags.worker, flags.rounds)
        return
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        raise UserError("This needs Linux and two cores: run it on another machine.")
    one, two = measure(1, flags.rounds), measure(2, flags.rounds)
    largest = BATCH_SIZES[-1]
    operations = largest * count_operations(DEFAULT.units, layers=1, time_steps=28)
    text = f"{measured_table(one, two)}\n{computed_table(operations / (one[largest] / 1000))}"
    print(text, end="")
    if flags.output:
        write_markdown(flags.output, text)


if __name__ == "__main__":
    run_script(main)
