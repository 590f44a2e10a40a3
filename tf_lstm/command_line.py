"""What the scripts share: flags, numbers with bounds, one sentence for a mistake, orderly ends."""

import argparse
import math
import signal
import sys

from tf_lstm.errors import Interrupted, UserError


class FlagParser(argparse.ArgumentParser):
    """A parser of flags each of which tells its default.

    Args:
        description: shown as it is written, as is `epilog`.
    """

    def __init__(self, description, epilog=None):
        lines = argparse.RawDescriptionHelpFormatter
        super().__init__(description=description, epilog=epilog, formatter_class=lines)

    def flag(self, name, shown_default, text, **options):
        """Add a flag; `options` are those of `add_argument`."""
        self.add_argument(name, help=f"{text} (default: {shown_default})", **options)


def number(kind, low, high):
    """An argparse type: an `int` or `float` from `low` to `high`, both included."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            noun = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {noun} from {low:,} to {high:,}")
        return value

    return parse


class StopSignal:
    """Notes Ctrl-C and SIGTERM while a `with` block runs, instead of breaking off in the middle.

    `received` is the number of the signal, or None.
    """

    signals = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self):
        self.received = None
        self.before = [signal.signal(number, self.note) for number in self.signals]
        return self

    def note(self, number, frame):
        self.received = number

    def __exit__(self, *exception):
        for number, handler in zip(self.signals, self.before, strict=True):
            signal.signal(number, handler)


def run_script(main):
    """Call `main()`, and end as a program should, without a traceback for what users do.

    A `UserError` is one sentence on standard error and exit status 2; `Interrupted` is one and
    128 plus the signal's number; Ctrl-C where nothing needs saving is 130.
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
