"""Atomic writes: a file appears complete or not at all, even if the process is killed."""

import csv
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tf_lstm.terminal.errors import UserError


def temporary_path(path: Path) -> Path:
    """The file that `write_text_atomically` writes first and then renames to `path`."""
    return path.with_name(path.name + ".unfinished")


def write_text_atomically(path: Path, text: str) -> None:
    """Write a text file in UTF-8.

    Raises:
        OSError: the file cannot be written; the caller reports it.
    """
    temporary_path(path).write_text(text, encoding="utf-8")
    os.replace(temporary_path(path), path)


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
        raise UserError(f"{path} has an unknown format: end its name in {join_choices(suffixes)}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            temporary = Path(folder, path.name)
            yield temporary
            os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"Cannot write {path} ({error.strerror}): choose another path.") from error


def write_table(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file atomically; raises the same errors as `atomic_path`."""
    with (
        atomic_path(path, (".csv",)) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def write_markdown(path: str | Path, text: str) -> None:
    """Write a Markdown file atomically; raises the same errors as `atomic_path`."""
    with atomic_path(path, (".md",)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def join_choices(choices: Iterable[str]) -> str:
    """List the choices in words, such as "a, b or c"."""
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
