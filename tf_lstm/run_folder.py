"""A run's folder: everything that one training leaves behind, and needs to be read again.

settings.json           every value that was used, the data and its checksum, versions
history.csv             one line for each epoch
learning_curves.png     the same as a picture
test_result.json        loss and accuracy on the test images
checkpoints/latest/     the newest weights and optimizer
checkpoints/best/       the weights that did best on the validation images
"""

import contextlib
import csv
import importlib
import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path

import tensorflow as tf

from tf_lstm.errors import UserError
from tf_lstm.files import write_whole
from tf_lstm.model import RowClassifier
from tf_lstm.recipes import Recipe
from tf_lstm.rows import SIZE

# Windows has none, and there nobody watches over two processes in one run.
fcntl = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None

FILES = ("settings.json", "history.csv", "learning_curves.png", "test_result.json")
# What reading a damaged checkpoint, or one of another model, raises.
DAMAGES = (tf.errors.OpError, AssertionError, ValueError, IndexError, RuntimeError)


class Run:
    """One training's folder.

    Args:
        folder: where it is.
        settings: the contents of its settings.json.
    """

    def __init__(self, folder, settings):
        self.folder = Path(folder)
        self.settings = settings

    @property
    def recipe(self):
        """The `Recipe` that the run was made by."""
        return Recipe(**self.settings["recipe"])

    def new_model(self, engine="cell"):
        """The run's model with its initial values; see `RowClassifier` for `engine`."""
        return RowClassifier(self.recipe, self.settings["seed"], engine)

    def checkpoints(self, which, **objects):
        """The `tf.train.CheckpointManager` of `which` checkpoints, "best" or "latest"."""
        folder = self.folder / "checkpoints" / which
        checkpoint = tf.train.Checkpoint(**objects)
        return tf.train.CheckpointManager(
            checkpoint, folder, max_to_keep=2 if which == "latest" else 1
        )

    def restore(self, manager):
        """Restore a manager's objects from its newest checkpoint that is intact.

        Returns:
            Whether there was one.

        Raises:
            UserError: there are checkpoints, but none that can be read and fits the settings.
        """
        damaged = []
        for path in reversed(manager.checkpoints):
            try:
                status = manager.checkpoint.restore(path)
                status.assert_existing_objects_matched().expect_partial()
            except DAMAGES as error:
                damaged.append((path, error))
            else:
                if damaged:
                    print(f"{damaged[0][0]} is damaged: {path} is used instead.", file=sys.stderr)
                return True
        if damaged:
            path, first_error = damaged[0]
            raise UserError(
                f"{path} cannot be read or does not fit {self.folder / 'settings.json'}, and no "
                "older one does: choose another run."
            ) from first_error
        return False

    def best_model(self):
        """The model with the weights that did best on the validation images.

        Raises:
            UserError: the run has no such checkpoint yet, or it does not fit the settings.
        """
        model = self.new_model()
        if not self.restore(self.checkpoints("best", model=model)):
            raise UserError(
                f"{self.folder} has no finished epoch yet: let its training go on, or choose "
                "another run."
            )
        return model

    def require_rows(self):
        """Raise a UserError if the network reads anything but an image's rows from top to bottom.

        What it answers after each time step is not an answer to so many rows then.
        """
        recipe = self.recipe
        way = (recipe.time_steps, recipe.row_order, recipe.tested_order)
        if way != (SIZE, "reading", "reading"):
            raise UserError(
                f"{self.folder} reads images in another way than row by row ({self.recipe.name}): "
                "choose another run."
            )

    @property
    def is_finished(self):
        """Whether the test is done."""
        return (self.folder / "test_result.json").exists()

    @contextlib.contextmanager
    def locked(self):
        """While a `with` block runs, no other process may write the run.

        Raises:
            UserError: another one does.
        """
        with self.writing():
            file = open(self.folder / "lock", "w")
        with file:
            try:
                # The system lets go of it when the process ends, in whatever way.
                if fcntl:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(
                    f"{self.folder} is being trained by another process: wait for it, or choose "
                    "another run."
                ) from error
            yield

    @contextlib.contextmanager
    def writing(self):
        """Say in a UserError what failed if the `with` block cannot write the run's files."""
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.message
            raise UserError(
                f"{self.folder} cannot be written ({reason}): make room there, and go on with "
                "--resume."
            ) from error

    def write_history(self, rows):
        """Write history.csv, a line for each of `rows`, dictionaries with the same keys."""
        lines = [",".join(rows[0])] + [",".join(str(value) for value in r.values()) for r in rows]
        write_whole(self.folder / "history.csv", "\n".join(lines) + "\n")

    def write_result(self, test):
        """Write test_result.json, the `Evaluation` of the test images."""
        write_whole(self.folder / "test_result.json", json.dumps(asdict(test), indent=2) + "\n")

    def read_history(self):
        """What `write_history` wrote: a list of dictionaries, empty before an epoch's end."""
        if not (self.folder / "history.csv").exists():
            return []
        with open(self.folder / "history.csv", encoding="utf-8", newline="") as file:
            return [
                {key: int(text) if text.isdigit() else float(text) for key, text in row.items()}
                for row in csv.DictReader(file)
            ]
