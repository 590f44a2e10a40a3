"""The numbers of the summary figure as CSV files, and the reference accuracies plotted in it."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tf_lstm.plots.statistics import BINS, THRESHOLDS, RowStatistics, wilson_interval
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import write_table


def save_tables(statistics_by_run: Mapping[str, RowStatistics], folder: Path) -> None:
    """Write a CSV file for each chart of the summary figure."""
    for name, (header, rows_of) in TABLES.items():
        rows = (
            (run, *(f"{value:.6f}" if isinstance(value, float) else value for value in row))
            for run, statistics in statistics_by_run.items()
            for row in rows_of(statistics)
        )
        write_table(folder / f"{name}.csv", ("run", *header.split()), rows)


def read_reference(path: str | Path, data: str) -> list[tuple[int, float]]:
    """Read the accuracies of the reference networks on `data`.

    Args:
        path: a CSV file written by scripts/benchmarks/reference_networks.py.
        data: the name of the data.

    Returns:
        Pairs of the number of visible rows and the test accuracy, 0 to 1.

    Raises:
        UserError: the file is not such a table, or has no line for `data`.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        pairs = [
            (int(line["rows"]), float(line["test_accuracy"]))
            for line in lines
            if line["data"] == data
        ]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path} is not a table written by scripts/benchmarks/reference_networks.py: "
            "choose another file."
        ) from error
    if not pairs:
        raise UserError(
            f"{path} has no results on {data}: run scripts/benchmarks/reference_networks.py."
        )
    return pairs


def _accuracy_table(statistics: RowStatistics) -> Iterator[tuple]:
    for digit in (None, *range(len(statistics.commits))):
        correct, images = statistics.accuracy_by_row(digit)
        accuracies = zip(*wilson_interval(correct, images), strict=True)
        for row, accuracy in enumerate(accuracies):
            yield "all" if digit is None else digit, row + 1, images, correct[row], *accuracy


def _commit_table(statistics: RowStatistics) -> Iterator[tuple]:
    for (digit, row), images in np.ndenumerate(statistics.commits):
        yield digit, row + 1, images


def _early_stopping_table(statistics: RowStatistics) -> Iterator[tuple]:
    return zip(map(str, THRESHOLDS), statistics.stop_rows, statistics.stop_accuracy, strict=True)


def _confusion_table(statistics: RowStatistics) -> Iterator[tuple]:
    for row, label, predicted in np.argwhere(statistics.confusion):
        yield row + 1, label, predicted, statistics.confusion[row, label, predicted]


def _calibration_table(statistics: RowStatistics) -> Iterator[tuple]:
    errors = statistics.calibration_error()
    for row, bin in np.argwhere(statistics.calibration[0]):
        images, confidence, correct = statistics.calibration[:, row, bin]
        means = confidence / images, correct / images
        yield row + 1, f"{bin / BINS:.4f}", int(images), *means, errors[row]


TABLES = {
    "accuracy": ("digit row images correct accuracy low high", _accuracy_table),
    "commit_rows": ("digit row images", _commit_table),
    "early_stopping": ("threshold mean_rows accuracy", _early_stopping_table),
    "confusion": ("row label predicted_class images", _confusion_table),
    "calibration": (
        "row bin_from images confidence accuracy expected_calibration_error",
        _calibration_table,
    ),
}
