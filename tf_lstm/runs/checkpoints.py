"""The newest checkpoints of some objects, as files ckpt-1, ckpt-2, ... in a folder.

The `.index` file is renamed last: once it has its final name, the checkpoint is complete.
TensorFlow checks every tensor's checksum when it restores one.
"""

import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tf_lstm.terminal.errors import UserError

# What TensorFlow raises for a damaged checkpoint, or for another model's.
DAMAGES = (tf.errors.OpError, AssertionError, ValueError, IndexError, RuntimeError)


class Checkpoints:
    """Saves and restores objects.

    Args:
        folder: where; it is created with the first checkpoint.
        keep: how many checkpoints to keep.
        objects: what is saved, by name: variables, dictionaries of variables, optimizers.
    """

    def __init__(self, folder: Path, keep: int, **objects: Any) -> None:
        self.folder, self.keep = folder, keep
        self.checkpoint = tf.train.Checkpoint(**objects)
        self.number: int | None = None  # of the one last saved or restored

    @property
    def numbers(self) -> list[int]:
        """The numbers of the checkpoints in the folder, newest first."""
        names = [path.stem.removeprefix("ckpt-") for path in self.folder.glob("ckpt-*.index")]
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    def path(self, number: int) -> str:
        """The path of a checkpoint's files without their suffixes, as TensorFlow expects it."""
        return str(self.folder / f"ckpt-{number}")

    def save(self) -> str:
        """Write the next checkpoint, delete those that are too old, and return its path."""
        newest = max(self.numbers, default=0) if self.number is None else self.number
        self.number = newest + 1  # overwrites a damaged one that was not restored
        self.checkpoint.write(str(self.folder / "unfinished"))
        for file in sorted(self.folder.glob("unfinished.*")):  # the index last
            file.replace(self.path(self.number) + file.suffix)
        for number in self.numbers[self.keep :]:
            for file in sorted(self.folder.glob(f"ckpt-{number}.*")):
                file.unlink()
        return self.path(self.number)

    def restore(self) -> bool:
        """Restore the objects from the newest intact checkpoint.

        Returns:
            Whether there was one.

        Raises:
            UserError: there are checkpoints, but none that is intact and fits the objects.
        """
        numbers, first_error = self.numbers, None
        for number in numbers:
            try:
                status = self.checkpoint.read(self.path(number))
                status.assert_existing_objects_matched().expect_partial()
            except DAMAGES as error:
                first_error = first_error or error
                continue
            self.number = number
            if first_error:
                damaged = self.path(numbers[0])
                print(
                    f"{damaged} is damaged: {self.path(number)} is used instead.", file=sys.stderr
                )
            return True
        if numbers:
            raise UserError(
                f"{self.path(numbers[0])} cannot be read or does not fit the run's settings.json, "
                "and the same is true of all older ones: choose another run."
            ) from first_error
        return False
