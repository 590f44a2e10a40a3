"""Measure an epoch of training, and inference, here and in other libraries.

Every system runs in a separate process. They are measured in turn, A B C A B C ..., after one round
that is not counted, so a machine that slows down slows all of them.
"""

import argparse
import importlib.util
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tf_lstm.engines.operations import count_operations
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown, write_text_atomically
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import cores
from tf_lstm.terminal.tables import describe_times, markdown_table

EPOCH = 60_000  # images; fewer are measured, and the seconds scaled up
REFERENCE = "this project, cell"
PACKAGES = {"PyTorch nn.LSTM": "torch"}  # measured if they are installed
MATRIX_PRODUCT = "matrix product"
USUAL = {"batch_size": 128, "units": 128, "layers": 1, "time_steps": 28}
# One setting is varied at a time, with fewer systems, images and rounds.
VARIED = (REFERENCE, "this project, folded", "Keras fit, LSTM", "PyTorch nn.LSTM", MATRIX_PRODUCT)
VARIATIONS: tuple[dict[str, int], ...] = (
    {"batch_size": 100},
    {"batch_size": 256},
    {"units": 32},
    {"units": 512},
    {"layers": 2},
    {"time_steps": 14},
    {"time_steps": 56},
)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    flag = parser.flag
    flag("--images", "images measured, a part of an epoch", 6_400, type=number(int, 512, EPOCH))
    flag("--rounds", "counted measurements of each system", 5, type=number(int, 1, 100))
    flag("--quick", "a quick check: 512 images, one round, no variations of settings", False)
    parser.add_output(None, ".md", help="file for the tables, with the numbers as JSON beside it")
    return parser.parse_args()


class Worker:
    """One system in a separate process; `start_up` is the seconds until its first step is done."""

    def __init__(self, system: str, settings: Mapping[str, int], images: int, data: str) -> None:
        started = time.perf_counter()
        script = Path(__file__).with_name("systems.py")
        errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.executable, script, system, json.dumps(settings), str(images), data],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        self.answers = iter(self.process.stdout or ())  # lines
        if not next(self.answers, None):
            errors.seek(0)
            print(errors.read(), file=sys.stderr)
            raise UserError(f"{system} failed: see above.")
        self.start_up = time.perf_counter() - started
        self.peak_mib = 0.0

    def measure(self, task: str) -> float:
        """The seconds that "train" or "infer" takes."""
        print(task, file=self.process.stdin, flush=True)
        answer = json.loads(next(self.answers))
        self.peak_mib = answer["peak_mib"]
        return answer["seconds"]


def available_systems() -> tuple[list[str], list[str]]:
    """The systems whose packages are installed, and a line about each of the others."""
    from systems import SYSTEMS

    installed, missing = [], []
    for system in SYSTEMS:
        package = PACKAGES.get(system)
        if package is None or importlib.util.find_spec(package):
            installed.append(system)
        else:
            missing.append(f"{system}: not measured, {package} is not installed")
    return installed, missing


def measure_in_turn(
    systems: Sequence[str], settings: Mapping[str, int], images: int, rounds: int, data: str
) -> dict[str, Any]:
    """Measure every system `rounds` times, on the first `images` of the file `data`."""
    workers = {system: Worker(system, settings, images, data) for system in systems}
    seconds: dict[str, dict[str, list[float]]]
    seconds = {system: {"train": [], "infer": []} for system in systems}
    for counted in range(rounds + 1):
        for system, worker in workers.items():
            train, infer = worker.measure("train"), worker.measure("infer")
            if counted:
                seconds[system]["train"].append(train * EPOCH / images)
                seconds[system]["infer"].append(infer * 10_000 / images)
    for worker in workers.values():
        worker.process.communicate()
    products = seconds.pop(MATRIX_PRODUCT)["train"]
    rate = statistics.median(2 * 2048**3 / (s * images / EPOCH) for s in products)
    floor = EPOCH * count_operations(settings["units"], settings["layers"], settings["time_steps"])
    return {
        "settings": settings,
        "gflops": rate / 1e9,
        "floor": floor / rate,
        "systems": {
            system: seconds[system]
            | {"start_up": workers[system].start_up, "peak_mib": workers[system].peak_mib}
            for system in seconds
        },
    }


def describe(result: Mapping[str, Any]) -> str:
    """A Markdown table of one measurement."""
    settings = (f"{name.replace('_', ' ')} {n}" for name, n in result["settings"].items())
    reference = result["systems"][REFERENCE]["train"]
    rows: list[tuple] = []
    for system, measured in result["systems"].items():
        infer = f"{statistics.median(measured['infer']):.2f}"
        numbers = (infer, f"{measured['start_up']:.1f}", f"{measured['peak_mib']:.0f}")
        rows.append((system, *describe_times(measured["train"], reference), *numbers))
    floor, share = result["floor"], result["floor"] / statistics.median(reference)
    name = f"*floor: the operations at {result['gflops']:.0f} GFLOP/s*"
    rows.append((name, f"{floor:.1f}", "", f"{share:.2f}", "", "", ""))
    columns = "system | epoch, s | range | ratio | 10,000 images, s | start-up, s | peak, MiB"
    return f"{', '.join(settings)}\n\n{markdown_table(columns, 'lrrrrrr', rows)}"


def describe_machine() -> str:
    """Cores and versions, in one line."""
    installed = [package for package in PACKAGES.values() if importlib.util.find_spec(package)]
    packages = ["tensorflow", "keras", "numpy", *installed]
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"{cores()} cores; Python {sys.version.split()[0]}, {versions}"


def main() -> None:
    flags = parse_flags()
    import numpy as np

    from tf_lstm.data.synthetic import render_digits

    if flags.quick:
        flags.images, flags.rounds = 512, 1
    systems, missing = available_systems()
    introduction = (
        f"{describe_machine()}. Seconds for an epoch of {EPOCH:,} images, scaled up from "
        f"{flags.images:,}. Rounds in turn: {flags.rounds}, after one that is not counted; times "
        "are medians. Where a setting is varied, half of the images and of the rounds. The ratio "
        "is the median of each round's ratio to this project's first line. Start-up is the time "
        "until the first step is done.\n"
    )
    text = [introduction, *(f"{line}\n" for line in missing)]
    print("\n".join(text), flush=True)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "digits.npz"))
        images, labels = render_digits(flags.images, seed=0)
        np.savez(data, images=images, labels=labels)
        for change in ({},) if flags.quick else ({}, *VARIATIONS):
            count, rounds, compared = flags.images, flags.rounds, systems
            if change:
                count, rounds = flags.images // 2, math.ceil(flags.rounds / 2)
                compared = [system for system in systems if system in VARIED]
            results.append(measure_in_turn(compared, USUAL | change, count, rounds, data))
            text.append(describe(results[-1]))
            print(text[-1], flush=True)
    if flags.output:
        write_markdown(flags.output, "\n".join(text))
        numbers = json.dumps(results, indent=1) + "\n"
        write_text_atomically(flags.output.with_suffix(".json"), numbers)


if __name__ == "__main__":
    run_script(main)
