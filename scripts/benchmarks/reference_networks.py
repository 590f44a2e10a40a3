"""Train a convolutional network on the first rows of each image, for several numbers of rows.

The network sees only these rows, all at once, as a picture. Its accuracy is a reference for an LSTM
that has read the same rows.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_table
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing it at run time would make `--help` slow
    import tensorflow as tf

VISIBLE_ROWS = (7, 10, 14, 18, 21, 28)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.add_data()
    parser.flag("--epochs", "passes over the training images", 4, type=number(int, 1, 1000))
    parser.add_output("figures/reference_by_row.csv", ".csv", help="file for the accuracies")
    return parser.parse_args()


def new_network() -> "tf.keras.Model":
    """Two convolutions and two dense layers, all from Keras."""
    import tensorflow as tf

    layers = tf.keras.layers
    network = tf.keras.Sequential(
        [
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPool2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPool2D(padding="same"),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.25),
            layers.Dense(10),
        ]
    )
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, metrics=["accuracy"])
    return network


def main() -> None:
    flags = parse_flags()
    tf = import_tensorflow()
    from tf_lstm.data.dataset import load_dataset

    dataset = load_dataset(flags.data)
    train, test = dataset.train, dataset.test
    lines = []
    for rows in VISIBLE_ROWS:
        tf.keras.utils.set_random_seed(0)
        network = new_network()
        visible = [split.images[:, :rows, :, None] / 255 for split in (train, test)]
        network.fit(visible[0], train.labels, batch_size=64, epochs=flags.epochs, verbose=0)
        _, accuracy = network.evaluate(visible[1], test.labels, verbose=0)
        print(f"{rows:2} rows   {dataset.name} test accuracy {100 * accuracy:.2f} %", flush=True)
        lines.append((dataset.name, rows, flags.epochs, f"{accuracy:.4f}"))
    write_table(flags.output, ("data", "rows", "epochs", "test_accuracy"), lines)


if __name__ == "__main__":
    run_script(main)
