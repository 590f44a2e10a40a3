"""Learn to predict letters, in framings that show what time steps and state are.

In six framings, it is the next letter of the alphabet; in two, the first of a few random letters,
which takes memory.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.alphabet.framings import ALPHABET, FRAMINGS, NAMES, Framing, make_samples
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.flags import FlagParser, number

if TYPE_CHECKING:  # importing it at run time would import TensorFlow
    from tf_lstm.alphabet.training import FramingResult


RECALLED_SHOWN = 20  # strings of random letters whose predictions are printed


def parse_flags() -> argparse.Namespace:
    """Parse the command line; `command` repeats the training, without default flags."""
    first = {framing.name: framing for framing in reversed(FRAMINGS)}  # of each name
    shown = [first[name] for name in NAMES]
    lines = [f"  {framing.name:16} {framing.description}" for framing in shown]
    parser = FlagParser(__doc__, epilog="\n".join(["framings:", *lines]))
    parser.flag("--framing", "train only this framing", shown="all", choices=NAMES, metavar="NAME")
    epochs = ", ".join(f"{framing.epochs} for {framing.name}" for framing in shown)
    parser.flag("--epochs", "number of epochs", shown=epochs, type=number(int, 1, 100_000))
    parser.flag("--seeds", "number of networks to train, for a mean ± standard deviation", 1,
                type=number(int, 1, 1000))  # fmt: skip
    parser.flag("--seed", "seed of the first network's initial values and sample order; the "
                "others use the next integers", 0, type=number(int, 0, 2**31))  # fmt: skip
    parser.add_output("figures/alphabet.png", ".png", ".svg", ".pdf")
    parser.flag("--show", "also open a window with the figure", False)
    parser.flag("--quiet", "print only the results", False)
    flags = parser.parse_args()
    flags.command = "python scripts/learn_alphabet.py"
    for name in ("framing", "epochs", "seeds", "seed"):
        if getattr(flags, name) != parser.get_default(name):
            flags.command += f" --{name} {getattr(flags, name)}"
    return flags


def describe_framing(framing: Framing) -> str:
    """The shape of the input and the training settings, in three lines."""
    order = "in a new order every epoch" if framing.shuffled else "always in order"
    return (
        f"{framing.title}: {framing.description}\n"
        f"  input     {make_samples(framing).inputs.shape} = (samples, time steps, features)\n"
        f"  training  LSTM({framing.units}), {framing.epochs:,} epochs, "
        f"batch {framing.batch_size}, {order}"
    )


def describe_accuracy(result: "FramingResult") -> str:
    """The accuracy after the last epoch, with the published one."""
    last = 100 * result.accuracy[:, -1]
    spread = f" ± {last.std(ddof=1):.2f}" if len(last) > 1 else ""
    name, reference = result.framing.reference
    shown = name == "guessing" or not result.framing.variant  # variants are not published
    known = f"   {name} {100 * reference:.2f} %" if shown else ""
    return f"{last.mean():.2f}{spread} %{known}"


def describe_predictions(result: "FramingResult") -> str:
    """The prediction of the last seed's network for each string, in columns; ✗ marks errors."""
    strings, inputs, labels = result.held_out
    predicted = result.model.predict(inputs)
    count = RECALLED_SHOWN if result.framing.recall else len(strings)
    entries = {  # a set, because sampled strings repeat
        f"{' '.join(string)} -> {ALPHABET[letter]}{' ' if letter == label else '✗'}"
        for string, label, letter in list(zip(strings, labels, predicted, strict=True))[:count]
    }
    width = max(map(len, entries)) + 2
    cells = [f"{entry:{width}}" for entry in sorted(entries, key=lambda text: (len(text), text))]
    per_line = 92 // width
    lines = ["".join(cells[start : start + per_line]) for start in range(0, len(cells), per_line)]
    return "\n".join(f"    {line.rstrip()}" for line in lines)


def compare_weights(in_order: "FramingResult", shuffled: "FramingResult") -> str:
    """What the letters' order within a batch changes, in two lines."""
    pairs = zip(in_order.model.variables_to_train, shuffled.model.variables_to_train, strict=True)
    difference = max(abs(one.numpy() - other.numpy()).max() for one, other in pairs)
    return (
        "  The largest difference from the weights without shuffling is "
        f"{difference:.0e}: no state\n  flows between the samples of a batch."
    )


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
        if framing.stateful and not framing.recall:
            from_a, from_k = result.model.generate("A", 25), result.model.generate("K", 5)
            say(f"  from A    {from_a}, each letter predicted from the one before")
            say(f"  from K    {from_k}; in training, the zero state was only ever followed by A")
        if framing.title == "within-batch, shuffled":
            say(compare_weights(*results[-2:]))
        say(f"{describe_predictions(result)}\n")

    for result in results:
        print(f"{result.framing.title:23}  {describe_accuracy(result)}")
    figure = alphabet_figure(results, flags.command)
    save_figure(figure, flags.output)
    print(f"took {sum(result.seconds for result in results):.0f} s, figure {flags.output}")
    if flags.show:
        show_figure(figure)


if __name__ == "__main__":
    run_script(main)
