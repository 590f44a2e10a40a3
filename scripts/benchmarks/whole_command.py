"""Measure the wall time of whole commands, until they have printed the test accuracy.

One command trains the LSTM(30) of a Keras tutorial for 20 epochs with `fit`, unrolled because that
is faster; its published accuracy on MNIST is 98.02 %. The others run train_mnist.py for one epoch,
which is at least as accurate. Where PyTorch is installed, it trains the same recipe.
"""

import argparse
import importlib.util
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

from machine import describe_machine

from tf_lstm.published_systems import KERAS_30
from tf_lstm.recipes import QUICK
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import REPOSITORY, FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow
from tf_lstm.terminal.tables import describe_times, markdown_table

TRAINED = ("pytorch", "pytorch-bfloat16", "keras")  # by other libraries
MIXED = ("--precision", "mixed_bfloat16")


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.add_data()
    parser.flag("--rounds", "measurements of each command, in turn, with the seeds 0, 1, ...",
                3, type=number(int, 1, 100))  # fmt: skip
    parser.add_output(None, ".md", help="file for the table")
    # For the processes that are measured:
    parser.add_argument("--train", choices=TRAINED, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def train_keras(data: str | None, seed: int) -> float:
    """Train the tutorial's network with Keras' `fit`; returns its test accuracy."""
    from keras_controls import fit_keras

    from tf_lstm.data.dataset import load_dataset

    dataset = load_dataset(data, validation=False)  # reports wrong --data before TensorFlow starts
    return fit_keras(KERAS_30, seed, dataset).test_accuracy


def train_elsewhere(what: str, data: str | None, seed: int) -> None:
    """Train one of `TRAINED`, and print its test accuracy."""
    if what == "keras":
        accuracy = train_keras(data, seed)
    else:
        from pytorch_quick import train_pytorch

        accuracy = train_pytorch(data, seed, bfloat16="bfloat16" in what)
    print(f"accuracy {100 * accuracy:.2f} %", flush=True)


def commands_to_measure(train: Path) -> dict[str, list[object]]:
    """The commands by name, without their data and seed; the first one is the reference.

    Those with bfloat16 products are left out where these are slower.

    Args:
        train: the script train_mnist.py.
    """
    import_tensorflow()
    from tf_lstm.engines.precision import bfloat16_ratio

    ours = [train, "--quiet", "--recipe", "quick", "--engine"]
    commands: dict[str, list[object]] = {
        "PyTorch, quick, folded": [__file__, "--train", "pytorch"],
        "PyTorch, quick, folded, bfloat16": [__file__, "--train", "pytorch-bfloat16"],
        "this project, quick, folded": [*ours, "folded"],
        "this project, quick, folded, bfloat16": [*ours, "folded", *MIXED],
        "this project, quick, cell": [*ours, "cell"],
        "Keras fit, LSTM(30), 20 epochs": [__file__, "--train", "keras"],
    }
    return {
        name: command
        for name, command in commands.items()
        if not ("bfloat16" in name and bfloat16_ratio(QUICK) > 1)
        and not ("PyTorch" in name and not importlib.util.find_spec("torch"))
    }


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
    measured: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for part in ("tf_lstm", "scripts"):  # a copy, so that the user's runs/ does not change
            shutil.copytree(REPOSITORY / part, Path(folder, part))
        commands = commands_to_measure(Path(folder, "scripts", "train_mnist.py"))
        for seed in range(flags.rounds):
            for name, command in commands.items():
                print(f"round {seed + 1} of {flags.rounds}: {name}", flush=True)
                program = [sys.executable, *command, *data, "--seed", seed]
                measured.setdefault(name, []).append(measure(program))
    return measured


def main() -> None:
    flags = parse_flags()
    if flags.train:
        train_elsewhere(flags.train, flags.data, flags.seed)
        return
    measured = measure_in_turn(flags)
    reference = [seconds for seconds, _ in next(iter(measured.values()))]
    rows = []
    for name, pairs in measured.items():
        times = describe_times([seconds for seconds, _ in pairs], reference)
        rows.append((name, *times, ", ".join(f"{accuracy:.2f}" for _, accuracy in pairs)))
    columns = "whole command | seconds, median | range | ratio | test accuracies, %"
    table = (
        f"{describe_machine()}. Seconds from the start of a command until it has printed the test "
        f"accuracy; {flags.rounds} rounds, in turn. The ratio is the median over the rounds of the "
        f"ratio to the table's first line.\n\n{markdown_table(columns, 'lrrrl', rows)}"
    )
    print(f"\n{table}", end="")
    if flags.output:
        write_markdown(flags.output, table)


if __name__ == "__main__":
    run_script(main)
