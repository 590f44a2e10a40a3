"""Train convolutional networks on the first rows of each image, for several numbers of rows.

A network sees only these rows, all at once, as a picture. Its accuracy is a reference for an LSTM
that has read the same rows. The images are augmented as for the recipe `early`, but fewer of them,
and the weights of the epoch that is best on the validation images are kept. For each number of
rows, every width is trained with the first seed. Only the width that is best on the validation
images is then trained with the other seeds. Finished runs are not repeated.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tf_lstm.recipes import EARLY
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing these at run time would make `--help` slow
    import tensorflow as tf

    from tf_lstm.data.dataset import Dataset
    from tf_lstm.results.records import Reference

VISIBLE_ROWS = (7, 10, 14, 18, 21, 28)
WIDTHS = (8, 16, 32)  # channels of the first convolution
BATCH_SIZE, LEARNING_RATE = 128, 2e-3
# With half of the images augmented, no difference was significant (three seeds).
AUGMENTED = replace(EARLY, augmented_share=0.3)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    flag = parser.flag
    flag("--rows", "numbers of visible rows", VISIBLE_ROWS, nargs="+", type=number(int, 1, 28),
         shown="7 10 14 18 21 28")  # fmt: skip
    flag("--widths", "channels of the first convolution", WIDTHS, nargs="+",
         type=number(int, 1, 1024))  # fmt: skip
    flag("--seeds", "runs of the best width", 3, type=number(int, 1, 100))
    flag("--epochs", "passes over the training images", 10, type=number(int, 1, 1000))
    parser.add_data()
    parser.add_output(
        "figures/gallery/reference_by_row.csv", ".csv", help="file for the accuracies"
    )
    return parser.parse_args()


def new_network(width: int) -> "tf.keras.Model":
    """Three Keras convolutions with stride 2, and a dense layer."""
    import tensorflow as tf

    layers = tf.keras.layers
    network = [layers.Rescaling(1 / 255)]
    for channels, size in ((width, 5), (2 * width, 3), (4 * width, 3)):
        convolution = layers.Conv2D(channels, size, strides=2, padding="same", use_bias=False)
        network += [convolution, layers.BatchNormalization(), layers.ReLU()]
    return tf.keras.Sequential([*network, layers.Flatten(), layers.Dense(10)])


def training_batches(dataset: "Dataset", rows: int, seed: int) -> "tf.data.Dataset":
    """Endless batches of augmented images (batch, rows, 28, 1) and labels."""
    import tensorflow as tf

    from tf_lstm.data.augmentation import (
        LIMITS,
        augment_selected,
        sample_distortions,
        select_share,
    )

    def prepare(step: "tf.Tensor", batch: tuple["tf.Tensor", "tf.Tensor"]) -> tuple:
        images, labels = batch
        selected = select_share(BATCH_SIZE, AUGMENTED.augmented_share)
        distortions = sample_distortions(BATCH_SIZE, (seed, step))
        images = augment_selected(images, selected, distortions, LIMITS[AUGMENTED.augment])
        return images[:, :rows, :, None], labels

    train = dataset.train
    batches = tf.data.Dataset.from_tensor_slices((train.images, train.labels)).shuffle(
        len(train.labels), seed
    )
    batches = batches.repeat().batch(BATCH_SIZE, drop_remainder=True).enumerate()
    return batches.map(prepare, tf.data.AUTOTUNE).prefetch(2)


def train_network(dataset: "Dataset", rows: int, width: int, seed: int, epochs: int) -> "Reference":
    """Train a network on the first `rows` rows, testing the weights that are best in validation."""
    import tensorflow as tf

    from tf_lstm.results.records import Reference

    tf.keras.utils.set_random_seed(seed)
    network = new_network(width)
    steps_per_epoch = max(1, len(dataset.train.labels) // BATCH_SIZE)
    schedule = tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * steps_per_epoch)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(tf.keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    validation, test = (
        (split.images[:, :rows, :, None], split.labels)
        for split in (dataset.validation, dataset.test)
    )
    best = tf.keras.callbacks.EarlyStopping(  # never stops, but restores the best weights
        "val_accuracy", patience=epochs, mode="max", restore_best_weights=True
    )
    network.fit(
        training_batches(dataset, rows, seed),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        validation_data=validation,
        validation_batch_size=500,
        callbacks=[best],
        shuffle=False,  # the batches are shuffled already
        verbose=0,
    )
    _, accuracy = network.evaluate(*test, batch_size=500, verbose=0)
    scores = round(float(best.best), 4), round(accuracy, 4)
    return Reference(dataset.name, rows, width, seed, epochs, *scores)


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.results.records import Reference, add_result, best_width, locked, read_results

    dataset = load_dataset(flags.data)
    with locked(flags.output):  # reports a folder that cannot be written before training starts
        finished = read_results(flags.output, Reference)
    if {(line.data, line.epochs) for line in finished} - {(dataset.name, flags.epochs)}:
        raise UserError(
            f"{flags.output} holds accuracies on other data or after other --epochs: name another "
            "--output."
        )

    def train_missing(rows: int, width: int, seed: int) -> None:
        # Read every time: another process may have added its own meanwhile.
        finished = read_results(flags.output, Reference)
        if (rows, width, seed) in [(line.rows, line.width, line.seed) for line in finished]:
            return
        line = train_network(dataset, rows, width, seed, flags.epochs)
        add_result(flags.output, line)
        print(
            f"{rows:2} rows   width {width:2}   seed {seed}   "
            f"validation accuracy {100 * line.validation_accuracy:.2f} %   "
            f"{dataset.name} test accuracy {100 * line.test_accuracy:.2f} %",
            flush=True,
        )

    for rows in flags.rows:
        for width in flags.widths:
            train_missing(rows, width, 0)
        finished = read_results(flags.output, Reference)
        best = best_width([line for line in finished if line.rows == rows])
        for seed in range(1, flags.seeds):
            train_missing(rows, best, seed)


if __name__ == "__main__":
    run_script(main)
