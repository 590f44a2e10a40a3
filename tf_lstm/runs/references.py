"""The accuracies of the reference networks, kept in a CSV file.

scripts/benchmarks/reference_networks.py trains the networks.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import read_records


class Reference(NamedTuple):
    """One trained network, as a line of the file."""

    data: str  # the dataset's name
    rows: int  # the first rows, which are visible
    width: int  # channels of the first convolution
    parameters: int
    seed: int
    epochs: int
    best_epoch: int  # whose weights were kept, from 1
    validation_accuracy: float  # 0 to 1
    test_accuracy: float


def read_references(path: str | Path) -> list[Reference]:
    """All lines of the file; none if there is no file."""
    remedy = "choose another, or write it with scripts/benchmarks/reference_networks.py"
    return read_records(Path(path), Reference, remedy)


def best_width(references: Sequence[Reference]) -> int:
    """The width that is most accurate in validation with the first seed."""
    first = min(line.seed for line in references)
    candidates = [line for line in references if line.seed == first]
    return max(candidates, key=lambda line: line.validation_accuracy).width


def accuracies_by_rows(references: Sequence[Reference]) -> dict[int, list[float]]:
    """The test accuracies of the best width, by the number of visible rows."""
    accuracies = {}
    for rows in sorted({line.rows for line in references}):
        own = [line for line in references if line.rows == rows]
        width = best_width(own)
        accuracies[rows] = [line.test_accuracy for line in own if line.width == width]
    return accuracies


def reference_accuracies(path: str | Path, data: str) -> dict[int, list[float]]:
    """`accuracies_by_rows` of a file's lines on `data`.

    Raises:
        UserError: the file is not such a table, or has no line for `data`.
    """
    references = [line for line in read_references(path) if line.data == data]
    if not references:
        raise UserError(
            f"{path} has no results on {data}: run scripts/benchmarks/reference_networks.py."
        )
    return accuracies_by_rows(references)
