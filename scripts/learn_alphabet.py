"""Learn which letter follows, in six framings that show what a time step is, and what state is."""

import argparse
import dataclasses
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tf_lstm.alphabet import ALPHABET, FRAMINGS, NAMES, make_samples
from tf_lstm.command_line import FlagParser, number, run_script


def figure_path(text):
    """An argparse type: a path whose format is known, so that no training is in vain."""
    path = Path(text)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png, .svg or .pdf")
    return path


def parse_flags():
    originals = [framing for framing in FRAMINGS if not framing.variant]
    parser = FlagParser(
        __doc__,
        epilog="framings:\n"
        + "\n".join(f"  {framing.name:16} {framing.description}" for framing in originals),
    )
    flag = parser.flag

    flag("--framing", "all", "the one framing to learn", choices=NAMES, metavar="NAME")
    flag(
        "--epochs",
        ", ".join(f"{framing.epochs} for {framing.name}" for framing in originals),
        "how often to go through the samples",
        type=number(int, 1, 100_000),
        metavar="N",
    )
    flag(
        "--seeds",
        1,
        "how many networks to train, for a mean ± standard deviation",
        type=number(int, 1, 1000),
        default=1,
        metavar="N",
    )
    flag(
        "--seed",
        0,
        "of the first network's initial values and order of samples; the others count on",
        type=number(int, 0, 2**31),
        default=0,
        metavar="N",
    )
    flag(
        "--output",
        "figures/alphabet.png",
        "file to write: .png, .svg or .pdf",
        type=figure_path,
        default=REPOSITORY / "figures" / "alphabet.png",
        metavar="FILE",
    )
    flag("--show", "off", "open a window with the figure, too", action="store_true")
    flag("--quiet", "off", "print only the results", action="store_true")
    return parser.parse_args()


def describe_framing(framing):
    """What goes in, and how it is trained: three lines."""
    order = "in a new order every epoch" if framing.shuffled else "always in order"
    return (
        f"{framing.title}: {framing.description}\n"
        f"  goes in   {make_samples(framing).inputs.shape} = (samples, time steps, features)\n"
        f"  trained   LSTM({framing.units}), {framing.epochs:,} epochs, "
        f"batch {framing.batch_size}, {order}"
    )


def describe_accuracy(lesson):
    """The accuracy after the last epoch, beside the published one."""
    last = 100 * lesson.accuracy[:, -1]
    spread = f" ± {last.std(ddof=1):.2f}" if len(last) > 1 else ""
    published = f"   published {100 * lesson.framing.published:.2f} %"
    return f"{last.mean():.2f}{spread} %{'' if lesson.framing.variant else published}"


def describe_miss(lesson):
    """A sentence where the published accuracy lies outside of mean ± standard deviation, or ""."""
    accuracy, published = 100 * lesson.accuracy, 100 * lesson.framing.published
    last, end = accuracy[:, -1], accuracy[:, -len(lesson.epochs) // 10 :]
    if lesson.framing.variant or len(last) < 2 or abs(published - last.mean()) <= last.std(ddof=1):
        return ""
    return (
        f"\n    {published:.2f} %, one run's last epoch, is outside of this band: in the last tenth"
        f"\n    of the epochs the accuracy moved between {end.min():.2f} and {end.max():.2f} %"
    )


def describe_predictions(lesson):
    """What the last seed's network says follows each string, in columns; ✗: it is wrong."""
    predictions = lesson.model.predict(lesson.samples.inputs)
    entries = {  # by string, because the random ones repeat
        string: f"{' '.join(string)} -> {ALPHABET[predicted]}{' ' if predicted == label else '✗'}"
        for string, label, predicted in zip(
            lesson.samples.strings, lesson.samples.labels, predictions, strict=True
        )
    }
    width = max(map(len, entries.values())) + 2
    in_order = sorted(entries, key=lambda string: (len(string), string))
    cells = [f"{entries[string]:{width}}" for string in in_order]
    per_line = 92 // width
    return "\n".join(
        f"    {''.join(cells[start : start + per_line]).rstrip()}"
        for start in range(0, len(cells), per_line)
    )


def describe_recital(model):
    """A stateful network on its own: each letter that it says is the next that it reads."""
    return (
        f"  from A    {model.recite('A', 25)}, reading its own predictions\n"
        f"  from K    {model.recite('K', 5)}, with the zero state that only A had in training"
    )


def explain_within_batch(in_order, shuffled, single):
    """What makes a whole alphabet in one batch work, by the three trainings of `within-batch`."""
    pairs = zip(in_order.model.variables_to_train, shuffled.model.variables_to_train, strict=True)
    difference = max(abs(one.numpy() - other.numpy()).max() for one, other in pairs)
    accuracy = 100 * in_order.accuracy.mean(axis=0)
    tenth, epochs = len(accuracy) // 10, in_order.framing.epochs
    return (
        "  No state flows from row to row of a batch: every row begins with zeros, and with the\n"
        "  rows shuffled every time the same weights are learned (they differ by "
        f"{difference:.0e} at most).\n"
        f"  What it takes is to go on for long: the accuracy was {accuracy[tenth]:.2f} % after "
        f"{in_order.epochs[tenth]:,} epochs\n  and {accuracy[-1]:.2f} % after {epochs:,}, and with "
        f"one letter at a time {100 * single.accuracy[:, -1].mean():.2f} % after as many."
    )


def main():
    flags = parse_flags()
    framings = [framing for framing in FRAMINGS if flags.framing in (None, framing.name)]
    if flags.epochs:
        framings = [dataclasses.replace(framing, epochs=flags.epochs) for framing in framings]

    from tf_lstm.startup import import_tensorflow

    import_tensorflow()
    from tf_lstm.alphabet_figure import alphabet_figure
    from tf_lstm.alphabet_training import learn
    from tf_lstm.console import ProgressLine
    from tf_lstm.figures import save_figure, show_figure

    def say(text):
        if not flags.quiet:
            print(text, flush=True)

    progress = ProgressLine(shown=not flags.quiet)
    lessons = {}
    for framing in framings:
        say(describe_framing(framing))
        lesson = learn(framing, range(flags.seed, flags.seed + flags.seeds), progress.write)
        lessons[framing.title] = lesson
        progress.clear()
        say(f"  accuracy  {describe_accuracy(lesson)}   {lesson.seconds:.1f} s")
        if framing.stateful:
            say(describe_recital(lesson.model))
        say(f"{describe_predictions(lesson)}\n")
        if framing.title == "within-batch, batch 1":
            say(f"{explain_within_batch(*list(lessons.values())[-3:])}\n")

    for title, lesson in lessons.items():
        miss = "" if flags.epochs else describe_miss(lesson)
        print(f"{title:23}  {describe_accuracy(lesson)}{miss}")
    command = ["python scripts/learn_alphabet.py"]
    command += [
        f"--{name} {getattr(flags, name)}"
        for name in ("framing", "epochs", "seeds", "seed")
        if getattr(flags, name) not in (None, {"seeds": 1, "seed": 0}.get(name))
    ]
    figure = alphabet_figure(list(lessons.values()), " ".join(command))
    save_figure(figure, flags.output)
    seconds = sum(lesson.seconds for lesson in lessons.values())
    print(f"took {seconds:.0f} s, figure {flags.output}")
    if flags.show:
        show_figure(figure)


if __name__ == "__main__":
    run_script(main)
