"""Measure an epoch of training, and inference, here and in other libraries.

Every system runs in a separate process. They are measured in turn, A B C A B C ..., after a warm-up
round, so a machine that slows down slows all of them.
"""

import argparse
import contextlib
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from floors import MATRIX_SIZE
from machine import describe_machine
from systems import FLOORS, available_systems, count_operations

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown, write_text_atomically
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.tables import describe_times, markdown_table

EPOCH = 60_000  # images; fewer are measured, and the seconds scaled up
USUAL = {"batch_size": 128, "units": 128, "layers": 1, "time_steps": 28}
# Tables with a varied setting omit these systems, and use fewer images and rounds.
NOT_VARIED = ("this project, gates", "PyTorch nn.LSTM", "PyTorch, bfloat16")
# Not measured with 4,096 units, since together they fill the memory: the cell alone takes 18 GB.
TOO_LARGE = ("this project, cell", "Keras fit, LSTM", "Keras fit, LSTM, unrolled")
TOO_LONG = ("Keras fit, LSTM, unrolled",)  # with 784 time steps, it is traced for minutes
VARIATIONS: tuple[dict[str, int], ...] = (
    *({"batch_size": size} for size in (64, 100, 256, 1024, 4096)),
    *({"units": units} for units in (32, 512, 1024, 2048, 4096)),
    {"layers": 2},
    *({"time_steps": steps} for steps in (14, 56, 112, 196, 784)),
)
INFERENCE_BATCH = 500
INFERENCE_BATCHES = {1: 500, 100: 10_000, 10_000: 10_000}  # size: images


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
        self.system, self.errors = system, tempfile.TemporaryFile("w+")
        started = time.perf_counter()
        script = str(Path(__file__).with_name("systems.py"))
        command = [sys.executable, script, system, json.dumps(settings), str(images), data]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True
        )
        self.lines = iter(self.process.stdout or ())
        self.next_line()
        self.start_up, self.peak_mib = time.perf_counter() - started, 0.0

    def next_line(self) -> str:
        """The next line that the process prints."""
        line = next(self.lines, None)
        if line is None:
            self.errors.seek(0)
            print(self.errors.read(), file=sys.stderr)
            raise UserError(f"{self.system} has exited: see above. It may lack memory.")
        return line

    def measure(self, task: str) -> float:
        """The seconds that a task of systems.py takes."""
        with contextlib.suppress(BrokenPipeError):  # `next_line` reports a process that has ended
            print(task, file=self.process.stdin, flush=True)
        answer = json.loads(self.next_line())
        self.peak_mib = answer["peak_mib"]
        return answer["seconds"]


def images_to_measure(settings: Mapping[str, int], images: int) -> int:
    """About `images`, in whole batches; fewer where an image takes longer than with `USUAL`."""
    work = [
        count_operations(each["units"], each["layers"], each["time_steps"])
        for each in (USUAL, settings)
    ]
    batch_size = settings["batch_size"]
    return batch_size * max(1, round(images * min(1.0, work[0] / work[1]) / batch_size))


def measure_in_turn(
    systems: Sequence[str], settings: Mapping[str, int], images: int, rounds: int, data: str
) -> dict[str, Any]:
    """Measure every system `rounds` times, on the first `images` of the file `data`."""
    workers = {system: Worker(system, settings, images, data) for system in systems}
    seconds: dict[str, dict[str, list[float]]]
    seconds = {system: {"train": [], "infer": []} for system in systems}
    for counted in range(rounds + 1):
        for system, worker in workers.items():
            train = worker.measure("train")
            infer = 0.0 if system in FLOORS else worker.measure(f"{INFERENCE_BATCH}")
            if counted:
                seconds[system]["train"].append(train * EPOCH / images)
                seconds[system]["infer"].append(infer * 10_000 / images)
    for worker in workers.values():
        worker.process.communicate()
    product = statistics.median(seconds.pop("matrix product")["train"])
    rate = 2 * MATRIX_SIZE**3 * EPOCH / images / product
    work = count_operations(settings["units"], settings["layers"], settings["time_steps"])
    return {
        "settings": settings,
        "gflops": rate / 1e9,
        "floor": EPOCH * work / rate,
        "engine_products": statistics.median(seconds.pop("engine products")["train"]),
        "systems": {
            system: seconds[system]
            | {"start_up": workers[system].start_up, "peak_mib": workers[system].peak_mib}
            for system in seconds
        },
    }


def measure_inference(
    systems: Sequence[str], batch_size: int, images: int, rounds: int, data: str
) -> dict[str, list[float]]:
    """The seconds to classify 10,000 images with each system, scaled up from `images`."""
    workers = {system: Worker(system, USUAL, images, data) for system in systems}
    seconds: dict[str, list[float]] = {system: [] for system in systems}
    for counted in range(rounds + 1):
        for system, worker in workers.items():
            taken = worker.measure(f"{batch_size}")
            if counted:
                seconds[system].append(taken * 10_000 / images)
    for worker in workers.values():
        worker.process.communicate()
    return seconds


def describe_inference(measured: Mapping[int, Mapping[str, Sequence[float]]]) -> str:
    """A Markdown table of `measure_inference`, with a column for each size of batches."""
    columns = " | ".join(["system", *(f"batches of {size:,}" for size in measured)])
    rows = [
        (system, *(f"{statistics.median(each[system]):.2f}" for each in measured.values()))
        for system in next(iter(measured.values()))
    ]
    table = markdown_table(columns, "l" + "r" * len(measured), rows)
    return f"Seconds to classify 10,000 images, with the settings of the first table\n\n{table}"


COMPARED = {  # columns of the summary: two systems
    "cell": ("this project, folded", "this project, cell"),
    "Keras fit": ("this project, folded", "Keras fit, LSTM"),
    "Keras fit, unrolled": ("this project, folded", "Keras fit, LSTM, unrolled"),
    "PyTorch, folded": ("this project, folded", "PyTorch, folded"),
    "in bfloat16, PyTorch, folded": (
        "this project, folded, bfloat16",
        "PyTorch, folded, bfloat16",
    ),
}


def summarize(results: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of the time of `folded` as a multiple of others', for all settings."""
    rows = []
    for result in results:
        systems, settings = result["systems"], result["settings"]
        changed = [f"{n.replace('_', ' ')} {v:,}" for n, v in settings.items() if v != USUAL[n]]
        ratios = [
            describe_times(systems[ours]["train"], systems[theirs]["train"])[2]
            if ours in systems and theirs in systems
            else ""
            for ours, theirs in COMPARED.values()
        ]
        rows.append((", ".join(changed) or "the first table's", *ratios))
    table = markdown_table(" | ".join(["settings", *COMPARED]), "lrrrrr", rows)
    return f"The time of an epoch with `folded`, as a multiple of that with\n\n{table}"


def describe(result: Mapping[str, Any]) -> str:
    """A Markdown table of one measurement."""
    settings = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in result["settings"].items())
    reference = next(iter(result["systems"].values()))["train"]
    rows: list[tuple] = []
    for system, measured in result["systems"].items():
        infer, start_up = statistics.median(measured["infer"]), measured["start_up"]
        numbers = (f"{infer:.2f}", f"{start_up:.1f}", f"{measured['peak_mib']:.0f}")
        rows.append((system, *describe_times(measured["train"], reference), *numbers))
    floors = {
        "the matrix products of `folded` alone": result["engine_products"],
        f"their operations at {result['gflops']:.0f} GFLOP/s": result["floor"],
    }
    median = statistics.median(reference)
    for name, floor in floors.items():
        rows.append((f"*floor: {name}*", f"{floor:.1f}", "", f"{floor / median:.2f}", "", "", ""))
    columns = "system | epoch, s | range | ratio | 10,000 images, s | start-up, s | peak, MiB"
    return f"{settings}\n\n{markdown_table(columns, 'lrrrrrr', rows)}"


def main() -> None:
    flags = parse_flags()
    import numpy as np

    from tf_lstm.data.synthetic import render_digits

    if flags.quick:
        flags.images, flags.rounds = 512, 1
    systems, missing = available_systems()
    introduction = (
        f"{describe_machine()}. Seconds for an epoch of {EPOCH:,} images, scaled up from "
        f"{flags.images:,}; medians of {flags.rounds} rounds, after a warm-up round. The "
        "tables with a varied setting use half the rounds and at most about half the images. The "
        "ratio is the median over the rounds of the ratio to the table's first line. Start-up is "
        "the time until the first step is done.\n"
    )
    text, results = [introduction, *(f"{line}\n" for line in missing)], []
    print("\n".join(text), flush=True)

    def report(table: str) -> None:
        text.append(table)
        print(table, flush=True)
        if flags.output:  # after every table, so that an interruption loses only one
            write_markdown(flags.output, "\n".join(text))
            json_file = flags.output.with_suffix(".json")
            write_text_atomically(json_file, json.dumps(results, indent=1) + "\n")

    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder, "digits.npz"))
        images, labels = render_digits(max(flags.images, *INFERENCE_BATCHES.values()), seed=0)
        np.savez(data, images=images, labels=labels)
        for change in ({},) if flags.quick else ({}, *VARIATIONS):
            settings, count, rounds, compared = USUAL | change, flags.images, flags.rounds, systems
            if change:
                count, rounds = images_to_measure(settings, count // 2), math.ceil(rounds / 2)
                left_out = NOT_VARIED + (TOO_LARGE if settings["units"] > 2048 else ())
                left_out += TOO_LONG if settings["time_steps"] > 196 else ()
                compared = [system for system in systems if system not in left_out]
            results.append(measure_in_turn(compared, settings, count, rounds, data))
            report(describe(results[-1]))
        if not flags.quick:
            compared = [system for system in systems if system not in FLOORS]
            inference = {
                size: measure_inference(compared, size, count, flags.rounds, data)
                for size, count in INFERENCE_BATCHES.items()
            }
            report(describe_inference(inference))
            report(summarize(results))


if __name__ == "__main__":
    run_script(main)
