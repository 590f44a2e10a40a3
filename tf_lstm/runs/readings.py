"""Test accuracies during training, for comparison with published ones."""

from dataclasses import dataclass
from pathlib import Path

from tf_lstm.terminal.files import read_records, write_text_atomically

READINGS = "test_readings.csv"


@dataclass(frozen=True)
class Reading:
    """A line of the file."""

    step: int
    test_accuracy: float


def write_readings(folder: Path, readings: dict[int, float]) -> None:
    """Write the test accuracies (0 to 1), by step, to a run's folder."""
    lines = ["step,test_accuracy", *(f"{step},{share}" for step, share in readings.items())]
    write_text_atomically(folder / READINGS, "\n".join(lines) + "\n")


def read_readings(folder: Path) -> dict[int, float]:
    """The test accuracies that `write_readings` wrote; none without `test_every`."""
    remedy = "restore the file, or choose another run"
    readings = read_records(folder / READINGS, Reading, remedy)
    return {reading.step: reading.test_accuracy for reading in readings}
