"""Train the published Keras networks with Keras' own `fit`, as controls for their recipes.

Each is trained with the settings of today's Keras, and with those of its time: the gates were
clip(0.2 x + 0.5, 0, 1), Adam's epsilon was 1e-8, and RMSprop divided by sqrt(v) + epsilon.
Finished runs are kept in a CSV file and are not repeated.
"""

import argparse
import sys
import time
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tf_lstm.published_systems import BILSTM_30, KERAS_30, PADDED_42, STACKED_32
from tf_lstm.settings import Recipe
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing these at run time would import TensorFlow before the flags are parsed
    from tf_lstm.data.dataset import Dataset, Split
    from tf_lstm.results.records import Result

CONTROLS = {recipe.name: recipe for recipe in (KERAS_30, BILSTM_30, STACKED_32, PADDED_42)}


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    flag = parser.flag
    flag("--recipe", f"a recipe to train, may be repeated: {', '.join(CONTROLS)}", shown="all",
         action="append", choices=CONTROLS, metavar="NAME")  # fmt: skip
    flag("--seeds", "runs of each recipe", 3, type=number(int, 1, 1000))
    parser.add_data()
    parser.add_output("figures/gallery/controls.csv", ".csv", help="file of all finished runs; the "
                      "tables in results.md beside it are updated")  # fmt: skip
    return parser.parse_args()


def old_optimizer(recipe: Recipe) -> Any:
    """The recipe's optimizer as in Keras before 2.4."""
    import tensorflow as tf

    class OldRMSprop(tf.keras.optimizers.RMSprop):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            mean_square = self._velocities[self._get_variable_index(variable)]
            self.assign(mean_square, self.rho * mean_square + (1 - self.rho) * gradient**2)
            step = learning_rate * gradient / (tf.sqrt(mean_square) + self.epsilon)
            self.assign_sub(variable, step)

    if recipe.optimizer == "rmsprop":
        return OldRMSprop(recipe.learning_rate, epsilon=1e-7)
    return tf.keras.optimizers.Adam(recipe.learning_rate, epsilon=1e-8)


def fit_keras(recipe: Recipe, seed: int, dataset: "Dataset", old: bool = False) -> "Result":
    """Train a recipe's network with Keras' `fit`, as it is today or with its old settings."""
    import tensorflow as tf
    from frameworks import keras_network

    from tf_lstm.optimizer import new_optimizer
    from tf_lstm.results.records import KERAS, OLD_KERAS, Result, settings_text
    from tf_lstm.rows import images_to_rows

    def rows_and_labels(split: "Split") -> tuple:
        return images_to_rows(split.images, recipe).numpy(), split.labels

    def hard_sigmoid(x: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)

    started = time.monotonic()
    tf.keras.utils.set_random_seed(seed)
    # Unrolled, the layers compute the same in half the time.
    network = keras_network(recipe, hard_sigmoid if old else "sigmoid", unroll=True)
    optimizer = old_optimizer(recipe) if old else new_optimizer(recipe, 0)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(optimizer, loss, metrics=["accuracy"])
    network.fit(*rows_and_labels(dataset.train), recipe.batch_size, recipe.epochs, verbose=0)
    seconds = time.monotonic() - started
    _, accuracy = network.evaluate(*rows_and_labels(dataset.test), 500, verbose=0)
    return Result(
        recipe=recipe.name,
        seed=seed,
        data=dataset.name,
        validation_accuracy=nan,
        test_accuracy=round(accuracy, 6),
        seconds=round(seconds, 1),
        settings=settings_text(recipe),
        system=OLD_KERAS if old else KERAS,
    )


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.results.records import (
        KERAS,
        OLD_KERAS,
        Result,
        add_result,
        current_results,
        locked,
        read_results,
    )
    from tf_lstm.results.tables import all_tables

    dataset = load_dataset(flags.data, validation=False)
    with locked(flags.output):  # reports a folder that cannot be written before training starts
        read_results(flags.output, Result)
    for seed in range(flags.seeds):
        for recipe in (CONTROLS[name] for name in flags.recipe or CONTROLS):
            for system in (KERAS, OLD_KERAS):
                # Read every time: another process may have added its own meanwhile.
                finished = read_results(flags.output, Result)
                same = current_results(finished, recipe, dataset.name, system)
                if seed in [result.seed for result in same]:
                    continue
                result = fit_keras(recipe, seed, dataset, system == OLD_KERAS)
                add_result(flags.output, result)
                print(
                    f"{recipe.name}, seed {seed}, {system}: {dataset.name} test accuracy "
                    f"{100 * result.test_accuracy:.2f} %, {result.seconds:.0f} s",
                    flush=True,
                )
    results = flags.output.with_name("results.csv")
    if {result.data for result in read_results(results, Result)} == {dataset.name}:
        tables = all_tables(results, flags.data, flags.output)
        write_markdown(results.with_suffix(".md"), tables)


if __name__ == "__main__":
    run_script(main)
