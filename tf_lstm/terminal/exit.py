"""How a command ends: a mistake or a signal gives one sentence and a status, not a traceback."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from tf_lstm.terminal.errors import Interrupted, UserError


class StopSignal:
    """Records Ctrl-C and SIGTERM while a `with` block runs, instead of interrupting it.

    `received` is the number of the latest signal, or None. Python runs handlers in the main thread
    only, so in another thread nothing is recorded.
    """

    signals = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self) -> "StopSignal":
        self.received: int | None = None
        is_main = threading.current_thread() is threading.main_thread()
        self.previous_handlers = {
            number: signal.signal(number, self.record) for number in self.signals if is_main
        }
        return self

    def record(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal by recording its number."""
        self.received = number

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.previous_handlers.items():
            signal.signal(number, handler)


def run_script(main: Callable[[], None]) -> None:
    """Call `main()` and turn its exceptions into exit statuses.

    A `UserError` is printed as one sentence and exits with 2; `Interrupted` is printed and exits
    with 128 plus the signal's number; Ctrl-C exits with 130.
    """
    try:
        main()
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        sys.exit(2)
    except Interrupted as interruption:
        print(interruption, file=sys.stderr)
        sys.exit(128 + interruption.signal)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def run_program(command: Sequence[object], remedy: str, **options: Any) -> int:
    """Run a program to its end. SIGTERM is passed on to it; Ctrl-C reaches it anyway.

    Args:
        command: the program and its arguments.
        remedy: how to continue after an interruption, for the message.
        options: as for `subprocess.Popen`.

    Returns:
        Its exit status, which is not 0 if it failed.

    Raises:
        Interrupted: a signal ended it.
    """
    process = subprocess.Popen(list(map(str, command)), **options)
    previous = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        status = process.wait()
    except KeyboardInterrupt:
        status = process.wait()
    finally:
        signal.signal(signal.SIGTERM, previous)
    if status > 128 or status < 0:
        raise Interrupted(f"Stopped; {remedy}.", abs(status) % 128)
    return status
