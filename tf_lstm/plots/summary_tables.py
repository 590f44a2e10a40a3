"""The numbers of the summary figure as CSV files."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tf_lstm.plots.statistics import BINS, THRESHOLDS, RowStatistics, wilson_interval
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


def _accuracy_table(statistics: RowStatistics) -> Iterator[tuple]:
    for digit in (None, *range(len(statistics.commits))):
        correct, images = statistics.accuracy_by_row(digit)
        accuracies = zip(*wilson_interval(correct, images), strict=True)
        for row, accuracy in enumerate(accuracies):
            yield "all" if digit is None else digit, row + 1, images, correct[row], *accuracy


def _commit_table(statistics: RowStatistics) -> Iterator[tuple]:
    for (digit, row), images in np.ndenumerate(statistics.commits):
        yield digit, row + 1, images


def _early_exit_table(statistics: RowStatistics) -> Iterator[tuple]:
    return zip(map(str, THRESHOLDS), statistics.exit_rows, statistics.exit_accuracy, strict=True)


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
    "early_exit": ("threshold mean_rows accuracy", _early_exit_table),
    "confusion": ("row label predicted_class images", _confusion_table),
    "calibration": (
        "row bin_from images confidence accuracy expected_calibration_error",
        _calibration_table,
    ),
}
