"""Evaluate an ensemble of trained networks: the mean of their probabilities after the last row.

Each network is evaluated alone and together with all others, on the validation images and on the
test images. The networks may differ in any setting, such as the order in which they read the rows.
The runs are those of train_mnist.py or reproduce_results.py.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import FlagParser
from tf_lstm.terminal.startup import import_tensorflow
from tf_lstm.terminal.tables import markdown_table

if TYPE_CHECKING:  # importing this at run time would import TensorFlow before the flags are parsed
    from tf_lstm.runs.run import Run


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="FOLDER", help="the folder of a finished run")
    parser.add_data("data to evaluate on, as in train_mnist.py", shown="the runs' own")
    parser.add_output(None, ".md", help="file for the table")
    return parser.parse_args()


def open_runs(folders: list[str]) -> list["Run"]:
    """The finished runs in these folders.

    Raises:
        UserError: a run is not finished or was trained on other data.
    """
    from tf_lstm.runs.locate import open_run

    runs = [open_run(folder) for folder in folders]
    for run in runs:
        run.read_result()
        data, first = run.settings.data, runs[0].settings.data
        if (data.checksum, data.train) != (first.checksum, first.train):
            raise UserError(
                f"{run.folder} and {runs[0].folder} have different training images: leave one out."
            )
    return runs


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    import numpy as np
    import tensorflow as tf

    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.evaluation import in_batches

    runs = open_runs(flags.runs)
    data = runs[0].settings.data
    dataset = load_dataset(flags.data or data.source, validation=data.validation > 0)
    if dataset.checksum != data.checksum:
        raise UserError(
            f"{runs[0].folder} was not trained on {dataset.source}: name its data with --data."
        )
    splits = {"validation": dataset.validation, "test": dataset.test}
    splits = {name: split for name, split in splits.items() if len(split.labels)}
    names, members = [run.folder.name for run in runs], []
    for run in runs:
        model = run.kept_model()
        logits = [in_batches(model.image_logits, split.images) for split in splits.values()]
        members.append([tf.nn.softmax(each).numpy() for each in logits])  # each (n, classes)
    names.append(f"the mean of these {len(runs)}")
    members.append([np.mean(each, axis=0) for each in zip(*members, strict=True)])
    rows = []
    for name, member in zip(names, members, strict=True):
        pairs = zip(member, splits.values(), strict=True)
        correct = [np.mean(each.argmax(axis=1) == split.labels) for each, split in pairs]
        rows.append((name, *(f"{100 * accuracy:.2f}" for accuracy in correct)))
    columns = " | ".join(["network", *splits])
    table = markdown_table(columns, "l" + "r" * len(splits), rows)
    print(f"{dataset.name}: accuracy in percent\n\n{table}", end="")
    if flags.output:
        write_markdown(flags.output, f"{dataset.name}: accuracy in percent.\n\n{table}")


if __name__ == "__main__":
    run_script(main)
