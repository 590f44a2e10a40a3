"""A run: the folder that holds everything one training writes.

settings.json           all settings, the data and its checksum, package versions
history.csv             one line for each epoch
learning_curves.png     history.csv as a figure
test_result.json        loss and accuracy on the test images
test_readings.csv       accuracy on the test images during training, if the recipe asks for it
checkpoints/latest/     the newest weights and optimizer state
checkpoints/best/       the weights with the best validation accuracy, or the last ones
"""

import contextlib
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf

from tf_lstm.data.class_names import DIGITS
from tf_lstm.engines.build import build_model
from tf_lstm.evaluation import Evaluation
from tf_lstm.model import RowClassifier
from tf_lstm.rows import IMAGE_SIZE
from tf_lstm.runs.checkpoints import Checkpoints
from tf_lstm.runs.readings import READINGS
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import failure, read_records, write_text_atomically
from tf_lstm.train_loop import EpochMetrics

# Windows has no fcntl, and there nothing prevents two processes from writing one run.
fcntl: Any = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None

FILES = ("settings.json", "history.csv", "learning_curves.png", "test_result.json", READINGS)


class Run:
    """One training's folder.

    Args:
        folder: where it is.
        settings: the contents of its settings.json.
    """

    def __init__(self, folder: str | Path, settings: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.settings = settings

    @property
    def recipe(self) -> Recipe:
        """The run's recipe. A setting that is newer than the run has its default."""
        return Recipe(**self.settings["recipe"])

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes; the digits if an older run does not record them."""
        return tuple(self.settings["data"].get("class_names", DIGITS))

    @property
    def precision(self) -> str:
        """The precision of the training; float32 if an older run does not record it."""
        return str(self.settings.get("precision", "float32"))

    def new_model(self, engine: str = "cell", precision: str = "float32") -> RowClassifier:
        """The run's model with its initial values."""
        return build_model(self.recipe, self.settings["seed"], engine, precision=precision)

    def checkpoints(self, which: str, **objects: tf.Module) -> Checkpoints:
        """The `which` checkpoints, "best" or "latest", of these objects."""
        folder = self.folder / "checkpoints" / which
        return Checkpoints(folder, keep=2 if which == "latest" else 1, **objects)

    def best_model(self) -> RowClassifier:
        """The model with the weights that the recipe keeps.

        Raises:
            UserError: the run has no such checkpoint yet, or it does not fit the settings.
        """
        model = self.new_model()
        self.restore_best(self.checkpoints("best", model=model))
        return model

    def restore_best(self, best: Checkpoints) -> None:
        """Restore the "best" checkpoint, with the same errors as `best_model`."""
        if not best.restore():
            raise UserError(
                f"{best.folder} holds no checkpoint: resume the run's training, or choose another "
                "run."
            )

    def require_rows(self) -> None:
        """Raise a UserError unless the network reads an image's rows from top to bottom.

        Otherwise its prediction after time step t is not a prediction from the first t rows.
        """
        recipe = self.recipe
        reading = (recipe.time_steps, recipe.row_order, recipe.eval_row_order)
        if reading != (IMAGE_SIZE, "reading", "reading"):
            raise UserError(
                f"{self.folder} does not read images row by row from top to bottom "
                f"({recipe.name}): choose another run."
            )

    @property
    def is_finished(self) -> bool:
        """Whether the run has been tested."""
        return (self.folder / "test_result.json").exists()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing the run while a `with` block runs.

        Raises:
            UserError: another process is writing it.
        """
        with self.writing():
            file = open(self.folder / "lock", "w")
        with file:
            try:
                # The system releases the lock when the process ends, however it ends.
                if fcntl:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"{self.folder} is being trained by another process: wait for it, or choose "
                    "another run."
                ) from error
            except OSError as error:
                raise UserError(
                    f"{self.folder} cannot be locked ({error.strerror}): name a folder in another "
                    "file system with --run."
                ) from error
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turn a failure to write the run's files in a `with` block into a UserError."""
        try:
            yield
        except (OSError, tf.errors.OpError, UserError) as error:
            cause = error.__cause__ or error  # a UserError says to choose another path
            path = getattr(cause, "filename2", None) or getattr(cause, "filename", None)
            started = (self.folder / "settings.json").exists()
            remedy = f"continue with --resume {self.folder}" if started else "start again"
            raise UserError(
                f"{path or self.folder} cannot be written ({failure(cause)}): make room there, and "
                f"{remedy}."
            ) from error

    def write_history(self, history: list[EpochMetrics]) -> None:
        """Write history.csv, one line for each epoch."""
        rows = [asdict(metrics) for metrics in history]
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        write_text_atomically(self.folder / "history.csv", "\n".join(lines) + "\n")

    def read_history(self) -> list[EpochMetrics]:
        """The epochs that `write_history` wrote; none before the end of the first epoch.

        Raises:
            UserError: the file is damaged.
        """
        remedy = "restore the file, or choose another run"
        return read_records(self.folder / "history.csv", EpochMetrics, remedy)

    def write_result(self, test: Evaluation) -> None:
        """Write test_result.json, the evaluation of the test images."""
        text = json.dumps(asdict(test), indent=2) + "\n"
        write_text_atomically(self.folder / "test_result.json", text)

    def read_result(self) -> Evaluation:
        """The evaluation that `write_result` wrote.

        Raises:
            UserError: the file is missing or damaged.
        """
        path = self.folder / "test_result.json"
        try:
            return Evaluation(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path} is not a test's result: choose another run.") from error
