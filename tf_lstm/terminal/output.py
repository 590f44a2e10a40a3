"""Standard output and standard error that a program can always print to."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CLOSED_PIPE = 128 + 13  # the usual exit status: as if SIGPIPE, which Windows lacks, ended it
READABLE = {"×": "x", "±": "+-", "−": "-", "✗": "!", "→": "->"}  # "✗" marks an error


class LastingStream:
    """A text stream that discards all further text once its file cannot be written.

    The reader of a pipe may end, or a disk may be full: a training must not end for that reason.

    Args:
        stream: the stream to write to. Its other attributes are those of this object too.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.error: OSError | None = None  # the reason why text was discarded

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write a text, or discard it."""
        try:
            self.stream.write(text)
        except OSError as error:
            self.discard(error)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered, or discard it."""
        try:
            self.stream.flush()
        except OSError as error:
            self.discard(error)

    def discard(self, error: OSError) -> None:
        """Record the error, and connect the stream to the null device, also for child processes.

        What is buffered goes there too; otherwise the interpreter would fail to write it at exit.
        """
        self.error = self.error or error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.stream.fileno())
        os.close(null)
        self.stream.flush()

    @property
    def status(self) -> int:
        """The exit status of a program whose output was discarded; 0 if it was not."""
        if isinstance(self.error, BrokenPipeError):
            return CLOSED_PIPE
        return 1 if self.error else 0


@contextmanager
def lasting_output() -> Iterator[LastingStream]:
    """Make standard output and standard error `LastingStream`s during a `with` block.

    Yields:
        Standard output.
    """
    open_missing_streams()
    codecs.register_error("readable", replace_unencodable)
    streams = sys.stdout, sys.stderr
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="readable")
    output, errors = map(LastingStream, streams)
    sys.stdout, sys.stderr = output, errors  # type: ignore[assignment]
    try:
        yield output
    finally:
        output.flush()
        errors.flush()
        sys.stdout, sys.stderr = streams


def open_missing_streams() -> None:
    """Connect standard streams that were closed (as by `2>&-`) to the null device.

    Otherwise a file that the program opens would get the number of one, and what native libraries
    print would be written into it.
    """
    null = os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
    while null <= 2:
        os.set_inheritable(null, True)
        null = os.open(os.devnull, os.O_RDWR)
    os.close(null)
    sys.stdin = sys.stdin or open(0, closefd=False)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)


def replace_unencodable(error: UnicodeError) -> tuple[str, int]:
    """An error handler for encoding: similar characters, or "?"."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(READABLE.get(each, "?") for each in characters), error.end
