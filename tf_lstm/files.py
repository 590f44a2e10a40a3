"""Files that appear whole or not at all, whatever happens while they are written."""

import csv
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from tf_lstm.errors import UserError


def write_whole(path, text):
    """Write a text file."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


@contextmanager
def whole_file(path, suffixes):
    """Give a path to write to in place of `path`, which then appears whole or not at all."""
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        choice = f"{', '.join(others)} or {last}" if others else last
        raise UserError(f"Cannot tell the format of {path}: end its name in {choice}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            unfinished = Path(folder, path.name)
            yield unfinished
            os.replace(unfinished, path)
    except OSError as error:
        raise UserError(f"Cannot write {path} ({error.strerror}): choose another path.") from error


def write_table(path, header, rows):
    """Write a CSV file."""
    with whole_file(path, (".csv",)) as unfinished:
        with open(unfinished, "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(header)
            table.writerows(rows)
