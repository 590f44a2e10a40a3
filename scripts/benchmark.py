"""Measure an epoch of training, and inference, here and in other libraries, in one run.

Every system is a process of its own. They are measured in turn, A B C A B C ..., after one round
that does not count, so that a machine that slows down slows all of them.
"""

import importlib.util
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tf_lstm.command_line import FlagParser, number, run_script

EPOCH = 60_000  # images; fewer are measured, and the seconds scaled up
REFERENCE = "this project, cell"
PACKAGES = {"PyTorch nn.LSTM": "torch", "JAX scan": "jax"}  # where they happen to be installed
MATRIX_PRODUCT = "matrix product"
USUAL = {"batch_size": 128, "units": 128, "layers": 1, "time_steps": 28}
# How an epoch's time grows with one setting at a time: fewer systems, images and rounds.
VARIED = ("this project, cell", "this project, folded", "Keras fit, LSTM", "PyTorch nn.LSTM")
VARIATIONS = [
    {"batch_size": 100},
    {"batch_size": 256},
    {"units": 32},
    {"units": 512},
    {"layers": 2},
    {"time_steps": 14},
    {"time_steps": 56},
]


def parse_flags():
    parser = FlagParser(__doc__)
    text = "images in a measured piece of an epoch"
    parser.flag("--images", 6_400, text, type=number(int, 512, EPOCH), default=6_400, metavar="N")
    text = "measurements of each system that count"
    parser.flag("--rounds", 5, text, type=number(int, 1, 100), default=5, metavar="N")
    text = "a smoke test: 512 images, one round, the usual network only"
    parser.flag("--quick", "off", text, action="store_true")
    text = "write the tables there as Markdown, and the figures beside it as JSON"
    parser.flag("--output", "none", text, type=Path, metavar="FILE")
    return parser.parse_args()


class Worker:
    """One system in a process of its own; `start_up` is the seconds until its first step."""

    def __init__(self, system, settings, images, data):
        started = time.perf_counter()
        script = REPOSITORY / "scripts" / "benchmark_systems.py"
        self.process = subprocess.Popen(
            [sys.executable, script, system, json.dumps(settings), str(images), data],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.questions = self.process.stdin
        self.answers = iter(self.process.stdout or ())  # lines
        if not next(self.answers, None):
            raise SystemExit(f"{system} failed: python {script.name} '{system}' says why")
        self.start_up = time.perf_counter() - started
        self.peak_mib = 0.0

    def measure(self, what):
        """Seconds that "train" or "infer" takes."""
        print(what, file=self.questions, flush=True)
        answer = json.loads(next(self.answers))
        self.peak_mib = answer["peak_mib"]
        return answer["seconds"]

    def close(self):
        self.process.communicate()


def available_systems():
    """The systems whose packages are installed, and a line on each that is not."""
    from benchmark_systems import SYSTEMS

    installed, missing = [], []
    for system in SYSTEMS:
        package = PACKAGES.get(system)
        if package is None or importlib.util.find_spec(package):
            installed.append(system)
        else:
            missing.append(f"{system}: not measured, {package} is not installed")
    return installed, missing


def measure_in_turn(systems, settings, images, rounds, data):
    """Measure every system `rounds` times, on the first `images` of the file `data`."""
    figures = {}
    workers = {}
    for system in systems:
        workers[system] = Worker(system, settings, images, data)
    for counted in range(rounds + 1):
        for system, worker in workers.items():
            train, infer = worker.measure("train"), worker.measure("infer")
            if counted:
                figures.setdefault(system, {"train": [], "infer": []})
                figures[system]["train"].append(train * EPOCH / images)
                figures[system]["infer"].append(infer * 10_000 / images)
    for system, worker in workers.items():
        worker.close()
        figures[system] |= {"start_up": worker.start_up, "peak_mib": worker.peak_mib}
    rates = [2 * 2048**3 / (s * images / EPOCH) for s in figures.pop(MATRIX_PRODUCT)["train"]]
    return {
        "settings": settings,
        "gflops": statistics.median(rates) / 1e9,
        "floor": EPOCH * operations(**settings) / statistics.median(rates),
        "systems": figures,
    }


def operations(units, layers, time_steps, **_):
    """Floating-point operations to train on one image, with the input projection folded.

    Two (multiply and add) for each entry of a matrix: forward, for the gradient of the matrix, and
    for the gradient of its input, but for the first layer's, which is data.
    """
    features = 784 // time_steps
    first_inputs = 2 * features * 4 * units
    other_inputs = 3 * units * 4 * units * (layers - 1)
    recurrent = 3 * units * 4 * units * layers
    return 2 * (time_steps * (first_inputs + other_inputs + recurrent) + 3 * units * 10)


def describe(result):
    """A Markdown table of one measurement."""
    settings, systems = result["settings"], result["systems"]
    reference = systems[REFERENCE]
    lines = [
        ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items()),
        "",
        "| system | epoch, s | range | ratio | 10,000 images, s | start-up, s | peak, MiB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for system, figures in systems.items():
        train, infer = figures["train"], figures["infer"]
        # In pairs: a round's own ratio, then the median over the rounds.
        ratio = statistics.median(a / b for a, b in zip(train, reference["train"], strict=True))
        lines.append(
            f"| {system} | {statistics.median(train):.1f} | {min(train):.1f}-{max(train):.1f} | "
            f"{ratio:.2f} | {statistics.median(infer):.2f} | {figures['start_up']:.1f} | "
            f"{figures['peak_mib']:.0f} |"
        )
    share = result["floor"] / statistics.median(reference["train"])
    lines.append(
        f"| *floor: the operations at {result['gflops']:.0f} GFLOP/s* | {result['floor']:.1f} | | "
        f"{share:.2f} | | | |"
    )
    return "\n".join(lines) + "\n"


def describe_machine():
    """Versions and cores, in one line."""
    from tf_lstm.startup import cores

    packages = ["tensorflow", "keras", "numpy"] + [
        package for package in PACKAGES.values() if importlib.util.find_spec(package)
    ]
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"{cores()} cores; Python {sys.version.split()[0]}, {versions}"


def main():
    flags = parse_flags()
    import numpy as np

    from tf_lstm.drawn_digits import draw_digits

    if flags.quick:
        flags.images, flags.rounds = 512, 1
    systems, missing = available_systems()
    text = [
        f"{describe_machine()}. Seconds for an epoch of {EPOCH:,} images, scaled up from "
        f"{flags.images:,} (half of these and of the rounds where a setting is varied); medians of "
        f"{flags.rounds} rounds in turn, after one that does not count. The ratio is to "
        "this project's first line, round by round. Start-up is the time from nothing to "
        "the first step done.\n",
        *missing,
    ]
    print("\n".join(text), flush=True)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "digits.npz"))
        images, labels = draw_digits(flags.images, seed=0)
        np.savez(data, images=images, labels=labels)
        for change in [{}] if flags.quick else [{}, *VARIATIONS]:
            pieces, rounds, compared = flags.images, flags.rounds, systems
            if change:
                pieces, rounds = flags.images // 2, math.ceil(flags.rounds / 2)
                compared = [s for s in systems if s in (*VARIED, MATRIX_PRODUCT)]
            result = measure_in_turn(compared, USUAL | change, pieces, rounds, data)
            results.append(result)
            text.append(describe(result))
            print(text[-1], flush=True)
    if flags.output:
        flags.output.write_text("\n".join(text), encoding="utf-8")
        flags.output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    run_script(main)
