"""Train a recipe on several data sets like MNIST, and compare with published accuracies.

Finished runs are kept in a CSV file and are not repeated; an interrupted one is resumed.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tf_lstm.recipes import DEFAULT, RECIPES
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import import_tensorflow


class Source(NamedTuple):
    """A data set's name, and where it is."""

    name: str
    path: str


def named_source(text: str) -> Source:
    """The type of a flag: NAME=PATH."""
    name, equals, path = text.partition("=")
    if not (equals and name.strip() and path):
        raise argparse.ArgumentTypeError(f"{text}: give a name and a path, as in KMNIST=~/kmnist")
    return Source(name.strip(), path)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    flag = parser.flag
    flag("--data", "names and paths, as in Fashion-MNIST=~/FashionMNIST KMNIST=~/kmnist "
         "EMNIST-letters=~/emnist.zip/emnist-letters: published accuracies are known for MNIST, "
         "Fashion-MNIST, KMNIST, EMNIST-digits, EMNIST-letters and EMNIST-balanced",
         [Source("MNIST", "")], nargs="+", type=named_source, metavar="NAME=PATH",
         shown="MNIST, from $MNIST_DIR, else downloaded")  # fmt: skip
    flag("--recipe", "the recipe to train", DEFAULT.name, choices=RECIPES, metavar="NAME")
    flag("--seeds", "runs on each data set", 3, type=number(int, 1, 100))
    parser.add_output("figures/gallery/data_sets.csv", ".csv", help="file of all finished runs, "
                      "with a table (.md) beside it")  # fmt: skip
    return parser.parse_args()


def main() -> None:
    flags = parse_flags()
    names = [source.name for source in flags.data]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(f"--data names {', '.join(sorted(twice))} twice: give each its own name.")
    import_tensorflow()
    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.results.data_sets import data_sets_table, require_data_set
    from tf_lstm.results.records import Result, add_result, current_results, locked, read_results
    from tf_lstm.results.training import result_of, train_in_a_process

    recipe = RECIPES[flags.recipe]
    datasets = []
    for name, path in flags.data:
        dataset = load_dataset(path)
        require_data_set(name, dataset)
        datasets.append(replace(dataset, name=name))
    with locked(flags.output):  # reports a folder that cannot be written before training starts
        read_results(flags.output, Result)
    for dataset in datasets:
        for seed in range(flags.seeds):
            own = current_results(read_results(flags.output, Result), recipe, data=dataset.name)
            if seed in (result.seed for result in own):
                continue
            print(f"\n{dataset.name}, {recipe.name}, seed {seed}", flush=True)
            folder = f"{recipe.name}-{dataset.checksum[:8]}"
            run = train_in_a_process(recipe, seed, dataset, name=folder)
            add_result(flags.output, result_of(run, dataset))
    table = data_sets_table(read_results(flags.output, Result))
    write_markdown(flags.output.with_suffix(".md"), table)
    print(f"\n{table}")


if __name__ == "__main__":
    run_script(main)
