"""Accuracies on the test images during a training, for a comparison with published readings."""

from pathlib import Path

from tf_lstm.terminal.files import write_text_atomically

READINGS = "test_readings.csv"


def write_readings(folder: Path, readings: dict[int, float]) -> None:
    """Write the test accuracies by step, 0 to 1, to a run's folder."""
    lines = ["step,test_accuracy", *(f"{step},{share}" for step, share in readings.items())]
    write_text_atomically(folder / READINGS, "\n".join(lines) + "\n")


def read_readings(folder: Path) -> dict[int, float]:
    """The test accuracies that `write_readings` wrote; none without `test_every`."""
    path = folder / READINGS
    _, *lines = path.read_text(encoding="utf-8").split() if path.exists() else [""]
    return {int(step): float(share) for step, share in (line.split(",") for line in lines)}
