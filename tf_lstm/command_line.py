"""What the scripts share: numbers with bounds, and one sentence for a user's mistake."""

import argparse
import math
import sys

from tf_lstm.errors import UserError


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


def run_script(main):
    """Call `main()`; a `UserError` becomes one sentence on standard error, and exit status 2."""
    try:
        main()
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        sys.exit(2)
