"""Results of many runs, each a line of a CSV file.

The line says what was trained. So a comparison that takes hours can be interrupted, resumed on
another day, extended with more seeds, and divided among several processes.
"""

import contextlib
import importlib.util
import json
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from tf_lstm.settings import LABELS, Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import failure, read_records, write_table

# Windows has no fcntl, and there two processes must not write one file at the same time.
fcntl: Any = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None

OURS, KERAS, OLD_KERAS = "this project", "Keras", "Keras, old settings"  # systems


@dataclass(frozen=True)
class Result:
    """One finished run of a recipe, with the accuracies of the weights that the recipe keeps."""

    recipe: str
    seed: int
    data: str  # the dataset's name
    validation_accuracy: float  # 0 to 1; nan for a recipe without validation images
    test_accuracy: float
    seconds: float  # of training: of our runs, the sum of `EpochMetrics.seconds`
    settings: str  # every setting of the recipe, as JSON
    test_readings: str = ""  # accuracies during training, if the recipe has `test_every`
    system: str = OURS  # or a control, from scripts/benchmarks/keras_controls.py
    precision: str = "float32"
    row_accuracies: str = ""  # test accuracies after every row, if it has a loss

    def __post_init__(self) -> None:
        complete_settings(self.settings)  # raises a ValueError or TypeError if it is damaged

    @property
    def key(self) -> Hashable:
        """What was trained: two results with the same key are of the same training."""
        return complete_settings(self.settings), self.seed, self.data, self.precision, self.system


@dataclass(frozen=True)
class Reference:
    """One convolutional network, trained by scripts/benchmarks/reference_networks.py."""

    data: str  # the dataset's name
    rows: int  # the first rows, which are visible
    width: int  # channels of the first convolution
    seed: int
    epochs: int
    validation_accuracy: float  # 0 to 1, of the best epoch, whose weights were kept
    test_accuracy: float

    @property
    def key(self) -> Hashable:
        """What was trained."""
        return self.data, self.rows, self.width, self.seed, self.epochs


Record = TypeVar("Record", Result, Reference)


def settings_text(recipe: Recipe) -> str:
    """A recipe's settings as JSON, without its labels."""
    settings = {name: value for name, value in asdict(recipe).items() if name not in LABELS}
    return json.dumps(settings)


def complete_settings(text: str) -> frozenset[tuple[str, Any]]:
    """A result's settings by name; a newer setting that they lack has its default."""
    defaults = {each.name: each.default for each in fields(Recipe) if each.name not in LABELS}
    return frozenset((defaults | json.loads(text)).items())


def read_results(path: str | Path, kind: type[Record]) -> list[Record]:
    """All records in a file; none if there is no file.

    Raises:
        UserError: the file does not hold records of this kind.
    """
    return read_records(Path(path), kind, "move it away, or name another file")


def add_result(path: Path, record: Record) -> None:
    """Add a record to a file, in place of one with the same key.

    Several processes can do so at the same time: the file is locked while it is read and written.

    Raises:
        UserError: the file cannot be written, or holds something else.
    """
    kind = type(record)
    with locked(path):
        records = {each.key: each for each in read_results(path, kind)} | {record.key: record}
        write_table(path, [field.name for field in fields(kind)], map(astuple, records.values()))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let no other process change a file while a `with` block runs; wait for one that does."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = open(lock, "w")  # it stays: to delete it would let two processes in
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)  # the system releases it when the process ends
    except OSError as error:
        raise UserError(f"Cannot lock {lock} ({failure(error)}): choose another path.") from error
    with file:
        yield


def current_results(
    results: Iterable[Result],
    recipe: Recipe,
    data: str | None = None,
    system: str | None = None,
    precision: str | None = "float32",
) -> list[Result]:
    """Those with the recipe's settings as they are now, by seed.

    None stands for any data, system or precision.
    """
    settings = complete_settings(settings_text(recipe))
    current = [
        result
        for result in results
        if complete_settings(result.settings) == settings
        and data in (None, result.data)
        and system in (None, result.system)
        and precision in (None, result.precision)
    ]
    return sorted(current, key=lambda result: result.seed)


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
    references = [line for line in read_results(path, Reference) if line.data == data]
    if not references:
        raise UserError(
            f"{path} has no results on {data}: run scripts/benchmarks/reference_networks.py."
        )
    return accuracies_by_rows(references)
