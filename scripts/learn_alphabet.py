"""Learn to predict the next letter, in six framings that show what time steps and state are."""

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


def parse_flags() -> argparse.Namespace:
    """Parse the command line; `command` repeats the training, without default flags."""
    published = [framing for framing in FRAMINGS if not framing.variant]
    lines = [f"  {framing.name:16} {framing.description}" for framing in published]
    parser = FlagParser(__doc__, epilog="\n".join(["framings:", *lines]))
    parser.flag("--framing", "train only this framing", shown="all", choices=NAMES, metavar="NAME")
    epochs = ", ".join(f"{framing.epochs} for {framing.name}" for framing in published)
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
    published = f"   published {100 * result.framing.published:.2f} %"
    return f"{last.mean():.2f}{spread} %{'' if result.framing.variant else published}"


def describe_predictions(result: "FramingResult") -> str:
    """The prediction of the last seed's network for each string, in columns; ✗ marks errors."""
    strings, inputs, labels = result.samples
    entries = {  # a set, because sampled strings repeat
        f"{' '.join(string)} -> {ALPHABET[predicted]}{' ' if predicted == label else '✗'}"
        for string, label, predicted in zip(
            strings, labels, result.model.predict(inputs), strict=True
        )
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
        if framing.stateful:
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
