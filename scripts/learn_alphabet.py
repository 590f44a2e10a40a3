"""Learn the next letter in six framings that show what a time step is, and what state is."""

import argparse
import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.alphabet.framings import FRAMINGS, NAMES
from tf_lstm.alphabet.report import (
    describe_accuracy,
    describe_framing,
    describe_generation,
    describe_miss,
    describe_predictions,
    explain_within_batch,
)
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.flags import FlagParser, number


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    published = [framing for framing in FRAMINGS if not framing.variant]
    lines = [f"  {framing.name:16} {framing.description}" for framing in published]
    parser = FlagParser(__doc__, epilog="\n".join(["framings:", *lines]))
    parser.flag("--framing", "train only this framing", shown="all", choices=NAMES, metavar="NAME")
    parser.flag(
        "--epochs",
        "number of epochs",
        shown=", ".join(f"{framing.epochs} for {framing.name}" for framing in published),
        type=number(int, 1, 100_000),
    )
    parser.flag(
        "--seeds",
        "number of networks to train, for a mean ± standard deviation",
        1,
        type=number(int, 1, 1000),
    )
    parser.flag(
        "--seed",
        "seed of the first network's initial values and sample order; the others count up from it",
        0,
        type=number(int, 0, 2**31),
    )
    parser.add_output("figures/alphabet.png", ".png", ".svg", ".pdf")
    parser.flag("--show", "also open a window with the figure", False)
    parser.flag("--quiet", "print only the results", False)
    return parser.parse_args()


def command(flags: argparse.Namespace) -> str:
    """The command that repeats this training; default flags are omitted."""
    defaults = {"framing": None, "epochs": None, "seeds": 1, "seed": 0}
    given = [
        f"--{name} {getattr(flags, name)}"
        for name, default in defaults.items()
        if getattr(flags, name) != default
    ]
    return " ".join(["python scripts/learn_alphabet.py", *given])


def main() -> None:
    flags = parse_flags()
    framings = [framing for framing in FRAMINGS if flags.framing in (None, framing.name)]
    if flags.epochs:
        framings = [dataclasses.replace(framing, epochs=flags.epochs) for framing in framings]

    from tf_lstm.terminal.startup import import_tensorflow

    import_tensorflow()
    from tf_lstm.alphabet.figure import alphabet_figure
    from tf_lstm.alphabet.training import train_framing
    from tf_lstm.plots.style import save_figure, show_figure
    from tf_lstm.terminal.progress import ProgressLine

    def say(text: str) -> None:
        if not flags.quiet:
            print(text, flush=True)

    progress = ProgressLine(shown=not flags.quiet)
    seeds = range(flags.seed, flags.seed + flags.seeds)
    results = []
    for framing in framings:
        say(describe_framing(framing))
        result = train_framing(framing, seeds, progress.write)
        results.append(result)
        progress.clear()
        say(f"  accuracy  {describe_accuracy(result)}   {result.seconds:.1f} s")
        if framing.stateful:
            say(describe_generation(result.model))
        say(f"{describe_predictions(result)}\n")
        if framing.title == "within-batch, batch 1":
            say(f"{explain_within_batch(*results[-3:])}\n")

    for result in results:
        miss = "" if flags.epochs else describe_miss(result)
        print(f"{result.framing.title:23}  {describe_accuracy(result)}{miss}")
    figure = alphabet_figure(results, command(flags))
    save_figure(figure, flags.output)
    print(f"took {sum(result.seconds for result in results):.0f} s, figure {flags.output}")
    if flags.show:
        show_figure(figure)


if __name__ == "__main__":
    run_script(main)
