"""A run: the folder that holds everything one training writes.

settings.json           everything that was decided; see `RunSettings`
history.csv             one line for each epoch
learning_curves.png     history.csv as a figure
test_result.json        loss and accuracy on the test images
test_accuracies.csv     accuracy on the test images during training, if the recipe asks for it
checkpoints/latest/     the newest weights and optimizer state
checkpoints/kept/       the weights that the run is tested with: the best in validation, or the last
"""

import contextlib
import importlib.util
import json
import math
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tf_lstm.runs.settings import RunSettings
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import failure, read_records, write_text_atomically
from tf_lstm.terminal.progress import short_path

if TYPE_CHECKING:  # importing these at run time would import TensorFlow
    from tf_lstm.engines.names import EngineName
    from tf_lstm.evaluation import Evaluation
    from tf_lstm.model import RowClassifier
    from tf_lstm.runs.checkpoints import Checkpoints
    from tf_lstm.train_loop import EpochMetrics

# Windows has no fcntl, and there nothing prevents two processes from writing one run.
fcntl: Any = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None

TEST_ACCURACIES = "test_accuracies.csv"
FILES = (
    "settings.json",
    "history.csv",
    "learning_curves.png",
    "test_result.json",
    TEST_ACCURACIES,
)


class Run:
    """One training's folder.

    Args:
        folder: where it is.
        settings: the contents of its settings.json.
        shown: the folder that messages name; None for `folder`. Of several workers, only the first
            one writes the run that the user knows.
    """

    def __init__(
        self, folder: Path, settings: RunSettings, shown: str | Path | None = None
    ) -> None:
        self.folder, self.settings = folder, settings
        self.shown = short_path(shown or folder)

    @property
    def recipe(self) -> Recipe:
        """The recipe that is trained."""
        return self.settings.recipe

    @property
    def quoted(self) -> str:
        """The folder as it is written in a shell's command."""
        return shlex.quote(str(self.shown))

    @property
    def resume_command(self) -> str:
        """The command that continues the run, for a shell in the current folder."""
        return f"{script_command('train_mnist.py')} --resume {self.quoted}"

    def checkpoints(self, which: str, **objects: Any) -> "Checkpoints":
        """The `which` checkpoints, "latest" or "kept", of these objects."""
        from tf_lstm.runs.checkpoints import Checkpoints

        folder = self.folder / "checkpoints" / which
        return Checkpoints(folder, keep=2 if which == "latest" else 1, **objects)

    def kept_model(self, engine: "EngineName" = "cell") -> "RowClassifier":
        """The model with the weights that the recipe keeps, computed in float32 by any engine.

        Raises:
            UserError: the run has no such checkpoint yet, or it does not fit the settings.
        """
        from tf_lstm.engines.build import build_model

        classes = len(self.settings.data.class_names)
        model = build_model(self.recipe, self.settings.seed, engine, num_classes=classes)
        self.restore_kept(self.checkpoints("kept", variables=model.variables_by_name))
        return model

    def restore_kept(self, kept: "Checkpoints") -> None:
        """Restore the "kept" checkpoint, with the same errors as `kept_model`."""
        if not kept.restore():
            raise UserError(
                f"{kept.folder} holds no checkpoint: resume the run's training, or choose another "
                "run."
            )

    def require_rows(self) -> None:
        """Raise a UserError unless the network reads an image's rows from top to bottom.

        Otherwise its prediction after time step t is not a prediction from the first t rows.
        """
        recipe = self.recipe
        reading = (recipe.time_steps, recipe.row_order, recipe.eval_row_order)
        if reading != (28, "reading", "reading"):
            raise UserError(
                f"{self.folder} does not read images row by row from top to bottom "
                f"({recipe.name}): choose another run."
            )

    @property
    def is_finished(self) -> bool:
        """Whether the run has been tested."""
        return (self.folder / "test_result.json").exists()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turn a failure to write the run's files in a `with` block into a UserError."""
        with writing(self.folder, f"continue with --resume {self.quoted}"):
            yield

    def write_history(self, history: "list[EpochMetrics]") -> None:
        """Write history.csv, one line for each epoch."""
        rows = [asdict(metrics) for metrics in history]
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        write_text_atomically(self.folder / "history.csv", "\n".join(lines) + "\n")

    def read_history(self) -> "list[EpochMetrics]":
        """The epochs that `write_history` wrote; none before the end of the first epoch.

        Raises:
            UserError: the file is damaged, or an epoch is missing or doubled.
        """
        from tf_lstm.train_loop import EpochMetrics

        path, remedy = self.folder / "history.csv", "restore the file, or choose another run"
        history = read_records(path, EpochMetrics, remedy)
        if [metrics.epoch for metrics in history] != list(range(1, len(history) + 1)):
            raise UserError(f"{path} does not hold one line for each epoch, in order: {remedy}.")
        return history

    def write_result(self, test: "Evaluation") -> None:
        """Write test_result.json, the evaluation of the test images."""
        result = asdict(test)
        # JSON has no nan, which is the accuracy of a class without images.
        result["accuracy_per_class"] = [
            None if math.isnan(accuracy) else accuracy for accuracy in test.accuracy_per_class
        ]
        text = json.dumps(result, indent=2, allow_nan=False) + "\n"
        write_text_atomically(self.folder / "test_result.json", text)

    def read_result(self) -> "Evaluation":
        """The evaluation that `write_result` wrote.

        Raises:
            UserError: the file is missing or damaged.
        """
        from tf_lstm.evaluation import Evaluation

        path = self.folder / "test_result.json"
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            result["accuracy_per_class"] = tuple(
                math.nan if accuracy is None else accuracy
                for accuracy in result["accuracy_per_class"]
            )
            return Evaluation(**result)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is not a test's result: choose another run.") from error


def script_command(name: str) -> str:
    """The command that starts a script of this repository from the current folder."""
    script = short_path(Path(__file__).resolve().parents[2] / "scripts" / name)
    return f"python {shlex.quote(str(script))}"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from writing the run in a folder while a `with` block runs.

    Raises:
        UserError: another process is writing it.
    """
    with writing(folder, "start again"):
        file = open(folder / "lock", "w")
    with file:
        try:
            # The system releases the lock when the process ends, however it ends.
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"{folder} is being trained by another process: wait for it, or choose another run."
            ) from error
        except OSError as error:
            raise UserError(
                f"{folder} cannot be locked ({error.strerror}): name a folder in another file "
                "system with --run."
            ) from error
        yield


@contextlib.contextmanager
def writing(folder: Path, then: str) -> Iterator[None]:
    """Turn a failure to write files below a folder in a `with` block into a UserError.

    Args:
        folder: named if the error does not name a file.
        then: what to do after the cause is mended.
    """
    try:
        yield
    except file_errors() as error:
        cause = error.__cause__ or error  # a UserError says to choose another path
        path = getattr(cause, "filename2", None) or getattr(cause, "filename", None) or folder
        forbidden = isinstance(cause, PermissionError)
        remedy = "allow writing" if forbidden else "make room"
        raise UserError(
            f"{path} cannot be written ({failure(cause)}): {remedy} there, and {then}."
        ) from error


def file_errors() -> tuple[type[Exception], ...]:
    """What a failed file operation raises, also one of TensorFlow's, if it has been imported."""
    tensorflow = sys.modules.get("tensorflow")
    return (OSError, UserError, *((tensorflow.errors.OpError,) if tensorflow else ()))
