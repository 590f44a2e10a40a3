"""Evaluate an ensemble of trained networks: the mean of their probabilities after every row.

Each network is evaluated alone and together with all others, on the validation images and on the
test images. The runs are those of train_mnist.py or reproduce_results.py.
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

if TYPE_CHECKING:  # importing these at run time would import TensorFlow before the flags are parsed
    import numpy as np

    from tf_lstm.data.dataset import Split
    from tf_lstm.runs.run import Run

# The rows after which the predictions for each split are evaluated; the last one classifies.
ROWS = {"validation": (28,), "test": (7, 10, 14, 18, 21, 28)}


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
        UserError: a run is not finished, does not read row by row, or was trained on other data.
    """
    from tf_lstm.runs.locate import open_run

    runs = [open_run(folder) for folder in folders]
    for run in runs:
        run.require_rows()
        run.read_result()
        data, first = run.settings["data"], runs[0].settings["data"]
        if any(data[name] != first[name] for name in ("checksum", "train")):
            raise UserError(
                f"{run.folder} and {runs[0].folder} have different training images: leave one out."
            )
    return runs


def accuracies(predictions: dict[str, "np.ndarray"], splits: dict[str, "Split"]) -> list[str]:
    """A network's entries in the table: its accuracies in percent.

    Args:
        predictions: by the split's name, probabilities (n, 28, classes).
        splits: by their names.
    """
    from tf_lstm.plots.statistics import row_statistics

    cells = []
    for name, split in splits.items():
        correct, images = row_statistics(predictions[name], split.labels).accuracy_by_row()
        cells += [f"{100 * correct[row - 1] / images:.2f}" for row in ROWS[name]]
    return cells


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    import numpy as np

    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.evaluation import row_predictions

    runs = open_runs(flags.runs)
    data = runs[0].settings["data"]
    dataset = load_dataset(flags.data or data["source"], validation=data["validation"] > 0)
    if dataset.checksum != data["checksum"]:
        raise UserError(
            f"{runs[0].folder} was not trained on {dataset.source}: name its data with --data."
        )
    splits = {name: getattr(dataset, name) for name in ROWS if len(getattr(dataset, name).labels)}
    names, members = [run.folder.name for run in runs], []
    for run in runs:
        model = run.best_model()
        members.append({name: row_predictions(model, each.images) for name, each in splits.items()})
    names.append(f"the mean of these {len(runs)}")
    members.append({name: np.mean([each[name] for each in members], axis=0) for name in splits})
    rows = [(name, *accuracies(each, splits)) for name, each in zip(names, members, strict=True)]
    columns = " | ".join(
        ["network", *(f"{name}, {row} rows" for name in splits for row in ROWS[name])]
    )
    table = markdown_table(columns, "l" + "r" * columns.count("|"), rows)
    print(f"{dataset.name}: accuracy in percent\n\n{table}", end="")
    if flags.output:
        write_markdown(flags.output, f"{dataset.name}: accuracy in percent.\n\n{table}")


if __name__ == "__main__":
    run_script(main)
