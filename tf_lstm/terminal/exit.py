"""How a command ends: a mistake or a signal gives one sentence and a status, not a traceback."""

import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from tf_lstm.terminal.errors import Interrupted, UserError
from tf_lstm.terminal.output import CLOSED_PIPE, lasting_output


class StopSignal:
    """Records Ctrl-C and SIGTERM while a `with` block runs, instead of interrupting it.

    `received` is the number of the latest signal, or None. While `at_once` is true, because nothing
    has to be saved, a signal raises a KeyboardInterrupt. Ctrl-C after another signal is not
    recorded: it raises a KeyboardInterrupt at once, for a user who does not want to wait. A second
    SIGTERM is recorded only, because `timeout` and others send it to a process and to its group.
    Python runs handlers in the main thread only, so in another thread nothing is recorded.
    """

    signals = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self) -> "StopSignal":
        self.received: int | None = None
        self.at_once = False
        is_main = threading.current_thread() is threading.main_thread()
        self.previous_handlers = {
            number: signal.signal(number, self.record) for number in self.signals if is_main
        }
        return self

    def record(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal by recording its number; see the class for a second one."""
        second = bool(self.received) and number == signal.SIGINT
        self.received = number
        if second or self.at_once:
            raise KeyboardInterrupt

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.previous_handlers.items():
            signal.signal(number, handler)


def run_script(main: Callable[[], None]) -> None:
    """Call `main()` and turn its exceptions into exit statuses.

    A `UserError` is printed as one sentence and exits with 2; `Interrupted` is printed and exits
    with 128 plus the signal's number; Ctrl-C exits with 130. If standard output cannot be written,
    `main()` runs to its end without it, because what matters are the files that it writes. Then the
    status is 141 after the reader of a pipe has ended, and 1 otherwise.
    """
    with lasting_output() as output:
        status = exit_status(main)
    if status := status or output.status:
        sys.exit(status)


def exit_status(main: Callable[[], None]) -> int | str | None:
    """The status to exit with after `main()`, as `sys.exit` takes it; prints the reason."""
    try:
        main()
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except Interrupted as interruption:
        print(interruption, file=sys.stderr)
        return 128 + interruption.signal
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except SystemExit as end:
        return end.code
    return 0


def run_program(command: Sequence[object], remedy: str, **options: Any) -> int:
    """Run a program to its end. SIGTERM is passed on to it; Ctrl-C reaches it anyway.

    Args:
        command: the program and its arguments.
        remedy: how to continue after an interruption, for the message.
        options: as for `subprocess.Popen`.

    Returns:
        Its exit status, which is not 0 if it failed.

    Raises:
        Interrupted: Ctrl-C or SIGTERM ended it, or reached this process meanwhile.
        UserError: another signal ended it: it crashed or was killed.
    """
    words = list(map(str, command))
    process = subprocess.Popen(words, **options)
    received = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGTERM:
            process.terminate()

    previous_handlers = {number: signal.signal(number, pass_on) for number in StopSignal.signals}
    try:
        status = process.wait()
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)
    ended_by = -status if status < 0 else status - 128  # 128 plus the number, from `run_script`
    if ended_by in StopSignal.signals:
        received.append(ended_by)
    if received:
        raise Interrupted(f"Stopped; {remedy}.", received[-1])
    if status < 0:
        raise UserError(
            f"{shlex.join(words)} was ended by {signal.Signals(ended_by).name}: run it alone to "
            "find the reason, such as too little memory."
        )
    return 0 if status == CLOSED_PIPE else status  # its work is done, but nobody reads its output
