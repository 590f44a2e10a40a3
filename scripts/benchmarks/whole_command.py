"""Measure the wall time of whole commands, until they have printed the test accuracy.

One command trains the LSTM(30) of a Keras tutorial for 20 epochs with `fit`, unrolled because that
is faster; its published accuracy on MNIST is 98.02 %. The others run train_mnist.py for one epoch,
which is at least as accurate.
"""

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tf_lstm.published_systems import KERAS_30
from tf_lstm.recipes import QUICK
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import REPOSITORY, FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow
from tf_lstm.terminal.tables import describe_times, markdown_table

KERAS = "Keras fit, LSTM(30), 20 epochs"


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.add_data()
    parser.flag("--rounds", "measurements of each command, in turn, with the seeds 0, 1, ...",
                3, type=number(int, 1, 100))  # fmt: skip
    parser.add_output(None, ".md", help="file for the table")
    parser.add_argument("--keras", type=int, metavar="SEED", help=argparse.SUPPRESS)
    return parser.parse_args()


def train_keras(data: str | None, seed: int) -> None:
    """Train the tutorial's network with Keras' `fit`, and print its test accuracy."""
    from keras_controls import fit_keras

    from tf_lstm.data.dataset import load_dataset

    dataset = load_dataset(data, validation=False)  # reports wrong --data before TensorFlow starts
    result = fit_keras(KERAS_30, seed, dataset)
    print(f"accuracy {100 * result.test_accuracy:.2f} %", flush=True)


def engines_to_measure() -> list[tuple[str, str, str]]:
    """(name, engine, precision); mixed precision only where it is faster."""
    import_tensorflow()
    from tf_lstm.engines.precision import bfloat16_ratio

    engines = [
        ("this project, quick, cell", "cell", "float32"),
        ("this project, quick, folded", "folded", "float32"),
        ("this project, quick, folded, mixed_bfloat16", "folded", "mixed_bfloat16"),
    ]
    return engines if bfloat16_ratio(QUICK) < 1 else engines[:-1]


def measure(command: Sequence[object]) -> tuple[float, float]:
    """Run a command.

    Returns:
        The seconds until it has printed a test accuracy, and this accuracy, in percent.
    """
    started, result = time.monotonic(), None
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=errors, text=True
        )
        for line in process.stdout or ():
            if accuracy := re.search(r"accuracy (\d+\.\d+) %$", line):
                result = time.monotonic() - started, float(accuracy[1])
        if process.wait() or result is None:
            errors.seek(0)
            print(errors.read().strip(), file=sys.stderr)
            raise UserError(f"{shlex.join(map(str, command[1:]))} failed: see above.")
    return result


def measure_in_turn(flags: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """The measurements of each command by its name."""
    data = ["--data", flags.data] if flags.data else []
    engines = engines_to_measure()
    measured: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for part in ("tf_lstm", "scripts"):  # a copy, so that the user's runs/ does not change
            shutil.copytree(REPOSITORY / part, Path(folder, part))
        script = Path(folder, "scripts", "train_mnist.py")
        for seed in range(flags.rounds):
            commands: dict[str, list[object]] = {KERAS: [__file__, *data, "--keras", seed]}
            for name, engine, precision in engines:
                settings = ["--recipe", "quick", "--engine", engine, "--precision", precision]
                commands[name] = [script, *data, *settings, "--seed", seed, "--quiet"]
            for name, command in commands.items():
                print(f"round {seed + 1} of {flags.rounds}: {name}", flush=True)
                measured.setdefault(name, []).append(measure([sys.executable, *command]))
    return measured


def main() -> None:
    flags = parse_flags()
    if flags.keras is not None:
        train_keras(flags.data, flags.keras)
        return
    measured = measure_in_turn(flags)
    keras_seconds = [seconds for seconds, _ in measured[KERAS]]
    rows = []
    for name, pairs in measured.items():
        times = describe_times([seconds for seconds, _ in pairs], keras_seconds)
        rows.append((name, *times, ", ".join(f"{accuracy:.2f}" for _, accuracy in pairs)))
    columns = "whole command | seconds, median | range | ratio | test accuracies, %"
    table = markdown_table(columns, "lrrrl", rows)
    print(f"\n{table}", end="")
    if flags.output:
        write_markdown(flags.output, table)


if __name__ == "__main__":
    run_script(main)
