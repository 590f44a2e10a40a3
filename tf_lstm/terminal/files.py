"""Reads and writes files; atomically: complete or not at all, even if the process is killed."""

import csv
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, get_type_hints

from tf_lstm.terminal.errors import UserError

Record = TypeVar("Record")
TEMPORARY = ".unfinished-"


def exists(path: str | Path) -> bool:
    """Whether there is a file or folder.

    Raises:
        UserError: the path cannot be used, such as one in a folder that may not be entered, or one
            with a name that is too long. `Path.exists()` raises other exceptions then.
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # ValueError: it contains a NUL character
        raise UserError(f"{path} cannot be used ({failure(error)}): name another path.") from error
    return True


def write_text_atomically(path: Path, text: str) -> None:
    """Write a text file in UTF-8.

    Raises:
        OSError: the file cannot be written; the caller reports it.
    """
    with replacement(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it is renamed to `path` when the `with` block ends.

    It is in a new folder beside `path`, so that several processes may write one file, and has the
    same name. A process that is killed leaves the folder behind; its name starts with `TEMPORARY`.

    Raises:
        OSError: the file cannot be written; the caller reports it.
    """
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=path.parent) as folder:
        temporary = Path(folder, path.name)
        yield temporary
        os.replace(temporary, path)


@contextmanager
def atomic_path(path: str | Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; it is renamed to `path` when the `with` block ends.

    Args:
        path: the file; missing parent folders are created.
        suffixes: the suffixes allowed, in lower case with their dot.

    Raises:
        UserError: `path` has another suffix, or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise UserError(f"{path} has an unknown format: use {join_choices(suffixes)}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacement(path) as temporary:
            yield temporary
    except OSError as error:
        raise UserError(f"Cannot write {path} ({failure(error)}): choose another path.") from error


def write_table(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file atomically; raises the same errors as `atomic_path`."""
    with (
        atomic_path(path, (".csv",)) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def read_records(path: Path, kind: type[Record], remedy: str) -> list[Record]:
    """Read a CSV file with a column for each field of a class; without a file there are no records.

    Args:
        path: the file.
        kind: a dataclass or NamedTuple; a field with a default may lack its column.
        remedy: what to do about a damaged file, for the message of the `UserError`.
    """
    if not exists(path):
        return []
    types = get_type_hints(kind)
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [*csv.DictReader(file)]
            if any(None in row for row in rows):
                raise ValueError("a line has more values than the header")
            return [kind(**{n: types[n](row[n]) for n in types if n in row}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise UserError(f"{path} is damaged or of another version: {remedy}.") from error


def write_markdown(path: str | Path, text: str) -> None:
    """Write a Markdown file atomically; raises the same errors as `atomic_path`."""
    with atomic_path(path, (".md",)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def failure(error: BaseException) -> str:
    """Why a file operation failed, in the system's words; TensorFlow puts its own around them."""
    reason = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return reason.rpartition("; ")[2].partition(" [")[0]


def join_choices(choices: Iterable[str]) -> str:
    """List the choices in words, such as "a, b or c"."""
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
