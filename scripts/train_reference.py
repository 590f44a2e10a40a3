"""What can be known after so many rows? A convolutional network for each number of visible rows.

Every one is trained and tested on images of which only the first rows are there. It sees these as a
picture, all at once, and has nothing else to learn: a mark to measure a network by that reads on.
"""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tf_lstm.command_line import FlagParser, number, run_script

VISIBLE_ROWS = (7, 10, 14, 18, 21, 28)


def parse_flags():
    parser = FlagParser(__doc__)
    parser.flag("--data", "as in train_mnist.py", "what to train on", metavar="PATH")
    text = "passes over the training images"
    parser.flag("--epochs", 4, text, type=number(int, 1, 1000), default=4, metavar="N")
    parser.flag(
        "--output",
        "figures/reference_by_row.csv",
        "CSV file for the accuracies",
        type=Path,
        default=REPOSITORY / "figures" / "reference_by_row.csv",
        metavar="FILE",
    )
    return parser.parse_args()


def new_network(tf):
    """Two convolutions and two dense layers, by Keras: no part of the tutorial."""
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


def main():
    flags = parse_flags()

    from tf_lstm.startup import import_tensorflow

    tf = import_tensorflow()
    from tf_lstm.data import load_dataset
    from tf_lstm.files import write_table

    dataset = load_dataset(flags.data)
    lines = []
    for rows in VISIBLE_ROWS:
        tf.keras.utils.set_random_seed(0)
        network = new_network(tf)
        seen = [part.images[:, :rows, :, None] / 255 for part in (dataset.train, dataset.test)]
        network.fit(seen[0], dataset.train.labels, batch_size=64, epochs=flags.epochs, verbose=0)
        _, accuracy = network.evaluate(seen[1], dataset.test.labels, verbose=0)
        print(f"{rows:2} rows   {dataset.name} test accuracy {100 * accuracy:.2f} %", flush=True)
        lines.append((dataset.name, rows, flags.epochs, f"{accuracy:.4f}"))
    write_table(flags.output, ("data", "rows", "epochs", "test_accuracy"), lines)


if __name__ == "__main__":
    run_script(main)
