"""Files that appear whole or not at all, even if the process is killed while it writes them."""

import csv
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from tf_lstm.errors import UserError


def unfinished(path):
    """Where `write_whole` writes what is to become `path`."""
    return path.with_name(path.name + ".unfinished")


def write_whole(path, text):
    """Write a text file, a `Path`. Raises an OSError, which the caller puts into words."""
    unfinished(path).write_text(text, encoding="utf-8")
    os.replace(unfinished(path), path)


@contextmanager
def whole_file(path, suffixes):
    """Give a path to write to in place of `path`, which appears at the end of the `with` block.

    Args:
        path: the file; folders that it lies in are made.
        suffixes: what its name may end in.

    Raises:
        UserError: it ends in something else, or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        choice = f"{', '.join(others)} or {last}" if others else last
        raise UserError(f"Cannot tell the format of {path}: end its name in {choice}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            beside = Path(folder, path.name)
            yield beside
            os.replace(beside, path)
    except OSError as error:
        raise UserError(f"Cannot write {path} ({error.strerror}): choose another path.") from error


def write_table(path, header, rows):
    """Write a CSV file: its header, and an iterable of rows. Raises as `whole_file` does."""
    with whole_file(path, (".csv",)) as beside:
        with open(beside, "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(header)
            table.writerows(rows)
