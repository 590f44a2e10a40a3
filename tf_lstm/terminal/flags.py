"""Command-line flags: their help texts with defaults, and the types that check their values."""

import argparse
import difflib
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from tf_lstm.terminal.files import join_choices

REPOSITORY = Path(__file__).resolve().parents[2]


class FlagParser(argparse.ArgumentParser):
    """A parser whose help shows the default of every flag.

    Args:
        description: shown with its own line breaks, like `epilog`.
    """

    def __init__(self, description: str | None, epilog: str | None = None) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(description=description, epilog=epilog, formatter_class=formatter)
        self.choices: dict[str, list[str]] = {}  # of each flag

    def flag(
        self,
        name: str,
        help: str,
        default: Any = None,
        shown: object = None,
        group: argparse._MutuallyExclusiveGroup | None = None,
        **options: Any,
    ) -> None:
        """Add a flag.

        Args:
            name: with its dashes.
            help: what the flag is for; its default is appended.
            default: the value without the flag; False makes it a switch.
            shown: the default as the help shows it; None for the value itself.
            group: flags that exclude each other, from `add_mutually_exclusive_group()`.
            options: those of `add_argument`; `metavar` is "N" if there is a `type`.
        """
        if default is False:
            options["action"] = "store_true"
        elif "type" in options:
            options.setdefault("metavar", "N")
        if shown is None:
            shown = "off" if default is False else "none" if default in (None, []) else default
        text = f"{help} (default: {shown})".replace("%", "%%")
        (group or self).add_argument(name, help=text, default=default, **options)
        self.choices[name] = [*options.get("choices", ())]

    def error(self, message: str) -> NoReturn:
        """Exit with status 2 and one sentence; argparse would print the usage before it."""
        self.exit(2, f"{message}{self.suggest(message)} (see --help)\n")

    def suggest(self, message: str) -> str:
        """The flag or choice that is most similar to the wrong one in argparse's message, or ""."""
        if wrong := re.match(r"unrecognized arguments: (--[^\s=]+)", message):
            return did_you_mean(wrong[1], self.choices)
        if wrong := re.match(r"argument (--[\w-]+): invalid choice: '(.*?)'", message):
            return did_you_mean(wrong[2], self.choices.get(wrong[1], ()))
        return ""

    def add_data(
        self,
        help: str = "a folder, archive or file with MNIST or data like it, `mnist` to download it, "
        "`synthetic` for digits rendered from pen strokes, or `synthetic+PATH` for these with "
        "PATH's test images",
        shown: str = "$MNIST_DIR, else mnist, else synthetic",
    ) -> None:
        """Add --data, the source that `load_dataset` takes."""
        self.flag("--data", help, shown=shown, metavar="PATH")

    def add_run(self) -> None:
        """Add --run, the folder of a finished run."""
        self.flag("--run", "folder of the run to use", shown="the newest", metavar="FOLDER")

    def add_output(
        self,
        default: str | None,
        *suffixes: str,
        help: str = "file to write",
        shown: str | None = None,
    ) -> None:
        """Add --output, a file whose suffix is checked before any work starts.

        Args:
            default: a path below the repository's root, or None to write nothing.
            suffixes: the suffixes allowed, in lower case with their dot.
            help, shown: as in `flag`.
        """
        self.flag(
            "--output",
            f"{help}: {join_choices(suffixes)}",
            REPOSITORY / default if default else None,
            shown or default,
            type=path_with_suffix(*suffixes),
            metavar="FILE",
        )


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """A question to append to a message, with the name that is most similar; "" without one."""
    similar = difflib.get_close_matches(wrong, names, 1)
    return f"; did you mean {similar[0]}?" if similar else ""


def number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], float]:
    """An argparse type: an `int` or `float` from `low` to `high`, both included."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            noun = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {noun} from {low:,} to {high:,}")
        return value

    return parse


def path_with_suffix(*suffixes: str) -> Callable[[str], Path]:
    """An argparse type: a path that ends in one of these suffixes, in upper or lower case."""

    def parse(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"{text!r} does not end in {join_choices(suffixes)}")
        return path

    return parse
