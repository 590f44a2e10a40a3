"""Measure how long whole commands take, from nothing to the test accuracy they end with.

One is the LSTM(30) of a Keras tutorial, 20 epochs of `fit`, which is published with 98.02 % on
MNIST; the others are train_mnist.py with a single epoch, which reaches as much.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tf_lstm.command_line import FlagParser, number, run_script

KERAS = "Keras fit, LSTM(30), 20 epochs"
# Chosen on 10,000 held-out training images, where it reaches 98.3 %.
ONE_EPOCH = ("--epochs", 1, "--batch-size", 64, "--learning-rate", 6e-3)


def parse_flags():
    parser = FlagParser(__doc__)
    parser.flag("--data", "as in train_mnist.py", "what to train on", metavar="PATH")
    text = "measurements of each command, in turn; a round is a seed"
    parser.flag("--rounds", 3, text, type=number(int, 1, 100), default=3, metavar="N")
    parser.flag("--output", "none", "write the table there", type=Path, metavar="FILE")
    parser.add_argument("--keras", type=int, metavar="SEED", help=argparse.SUPPRESS)
    return parser.parse_args()


def train_keras(data, seed):
    """The tutorial's whole program, as it stands but for `verbose`: print its test accuracy."""
    import tensorflow as tf

    from tf_lstm.data import load_dataset

    tf.keras.utils.set_random_seed(seed)
    dataset = load_dataset(data, validation=False)
    train, test = dataset.train, dataset.test
    model = tf.keras.Sequential(
        [tf.keras.layers.LSTM(30), tf.keras.layers.Dense(10, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train.images / 255 - 0.5, train.labels, batch_size=128, epochs=20, verbose=0)
    _, accuracy = model.evaluate(test.images / 255 - 0.5, test.labels, verbose=0)
    print(f"accuracy {100 * accuracy:.2f} %")


def measure(command):
    """Run a command; return its seconds, and the test accuracy that it prints, in percent."""
    started = time.monotonic()
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    seconds = time.monotonic() - started
    accuracies = re.findall(r"accuracy (\d+\.\d+) %$", result.stdout, re.M)
    if result.returncode or not accuracies:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{result.stderr}")
    return seconds, float(accuracies[-1])


def main():
    flags = parse_flags()
    if flags.keras is not None:
        train_keras(flags.data, flags.keras)
        return
    data = ["--data", flags.data] if flags.data else []
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for part in ("tf_lstm", "scripts"):  # a copy has a runs/ of its own
            shutil.copytree(REPOSITORY / part, Path(folder, part))
        for seed in range(flags.rounds):
            commands = {KERAS: [sys.executable, __file__, *data, "--keras", seed]}
            for engine in ("cell", "folded"):
                name = f"this project, {engine}, 1 epoch"
                settings = ["--engine", engine, *ONE_EPOCH, "--seed", seed]
                script = Path(folder, "scripts", "train_mnist.py")
                commands[name] = [sys.executable, script, *data, *settings, "--quiet"]
            for name, command in commands.items():
                figures.setdefault(name, []).append(measure(command))
    table = [
        "| whole command | seconds, median | range | ratio | test accuracies, % |",
        "|---|---:|---:|---:|---|",
    ]
    for name, measured in figures.items():
        seconds, accuracies = zip(*measured, strict=True)
        pairs = zip(seconds, (keras for keras, _ in figures[KERAS]), strict=True)
        ratio = statistics.median(ours / keras for ours, keras in pairs)
        table.append(
            f"| {name} | {statistics.median(seconds):.1f} | "
            f"{min(seconds):.1f}-{max(seconds):.1f} | {ratio:.2f} | "
            f"{', '.join(f'{accuracy:.2f}' for accuracy in accuracies)} |"
        )
    print("\n".join(table))
    if flags.output:
        flags.output.write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
