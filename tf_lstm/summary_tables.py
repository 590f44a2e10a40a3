"""The numbers of the summary figure as CSV files, and the reference that is drawn into it."""

import csv

import numpy as np

from tf_lstm.errors import UserError
from tf_lstm.files import write_table
from tf_lstm.row_statistics import (
    BINS,
    THRESHOLDS,
    accuracy_by_row,
    calibration_error,
    early_stopping,
    wilson_interval,
)


def save_tables(counts_by_run, folder):
    """Write the figure's numbers as CSV files to a folder: one for each chart."""
    for name, (header, rows_of) in TABLES.items():
        rows = ((run, *row) for run, counts in counts_by_run.items() for row in rows_of(counts))
        write_table(folder / f"{name}.csv", ("run", *header), rows)


def read_reference(path, data):
    """Pairs of visible rows and test accuracy, 0..1, that train_reference.py wrote about `data`.

    Raises:
        UserError: the file is no such table, or says nothing of this data.
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
        raise UserError(f"{path} is no table of train_reference.py: name another.") from error
    if not pairs:
        raise UserError(f"{path} says nothing of {data}: make one with train_reference.py.")
    return pairs


def _accuracy_table(counts):
    for digit in (None, *range(len(counts.commits))):
        right, images = accuracy_by_row(counts, digit)
        low, high = wilson_interval(right, images)
        for row, bounds in enumerate(zip(low, high, strict=True)):
            name = "all" if digit is None else digit
            share = right[row] / (images or np.nan)
            yield name, row + 1, images, right[row], *(f"{x:.6f}" for x in (share, *bounds))


def _early_stopping_table(counts):
    for threshold, *means in zip(THRESHOLDS, *early_stopping(counts), strict=True):
        yield threshold, *(f"{mean:.6f}" for mean in means)


def _calibration_table(counts):
    errors = calibration_error(counts)
    for row, bin in np.argwhere(counts.bins):
        images = counts.bins[row, bin]
        means = counts.confidence_bins[row, bin] / images, counts.right_bins[row, bin] / images
        numbers = (*(f"{mean:.6f}" for mean in means), f"{errors[row]:.6f}")
        yield row + 1, f"{bin / BINS:.4f}", images, *numbers


TABLES = {
    "accuracy": ("digit row images right accuracy low high".split(), _accuracy_table),
    "commit_rows": (
        "digit row images".split(),
        lambda counts: (
            (d, r + 1, counts.commits[d, r]) for d, r in np.ndindex(counts.commits.shape)
        ),
    ),
    "early_stopping": ("threshold mean_rows accuracy".split(), _early_stopping_table),
    "confusion": (
        "row label leading_class images".split(),
        lambda counts: (
            (r + 1, label, leading, counts.confusion[r, label, leading])
            for r, label, leading in np.argwhere(counts.confusion)
        ),
    ),
    "calibration": (
        "row bin_from images confidence accuracy expected_calibration_error".split(),
        _calibration_table,
    ),
}
