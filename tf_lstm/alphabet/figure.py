"""The framings of the alphabet side by side: the input of each, and its accuracy over epochs."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator

from tf_lstm.alphabet.framings import ALPHABET
from tf_lstm.alphabet.training import FramingResult
from tf_lstm.plots.style import (
    BLUE,
    FIGURE_TITLE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    plot_arrow,
    simplify,
)

LINE_STYLES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, ":"), (PURPLE, "-."))
LINE_HEIGHT = 1.75  # from one sample to the next, in letters
STATE_GAP = 0.8  # from one time step to the next, in letters
SAMPLES_SHOWN = 3
NO_GRADIENT = ":"  # the line of an arrow through which no gradient flows back


def alphabet_figure(results: Sequence[FramingResult], title: str) -> Figure:
    """Plot the first samples of every framing, and its accuracy over the epochs.

    The axes are "NAME samples" and "NAME accuracy", which all variants of a framing share.
    """
    names = list(dict.fromkeys(result.framing.name for result in results))
    recall = list(dict.fromkeys(r.framing.name for r in results if r.framing.recall))
    published = [name for name in names if name not in recall]
    lines = [published[first : first + 3] for first in range(0, len(published), 3)]
    lines += [recall] if recall else []
    width, height = max(8, 3.5 * max(map(len, lines))), 0.8 + 4.2 * len(lines)
    figure = Figure(figsize=(width, height), dpi=120, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(hspace=0.06, wspace=0.04)
    # The empty lines reserve space for the explanation.
    figure.suptitle(f"{title}\n\n\n\n", **FIGURE_TITLE)
    seeds = len(results[0].accuracy)
    averaged = f"Mean ± standard deviation of {seeds} seeds." if seeds > 1 else "One seed."
    explanation = (
        "Blue frame: one time step; each square in it is one feature. "
        "Orange arrow: the LSTM's state is passed on; if dotted, no gradient flows back.\n"
        "Curves: accuracy on all training samples; for random letters, on strings that were not "
        f"trained on.\n{averaged}"
    )
    figure.text(0.012, 1 - 0.33 / height, explanation, va="top", fontsize=9, linespacing=1.4)
    parts = ("samples", "accuracy")
    # Six columns, of which every panel of a line takes the same number.
    labels = [
        [f"{name} {part}" for name in line for _ in range(6 // len(line))]
        for line in lines
        for part in parts
    ]
    axes = figure.subplot_mosaic(labels, height_ratios=(1, 1.05) * len(lines))
    for name in names:
        variants = [result for result in results if result.framing.name == name]
        plot_samples = _plot_one_string if name in recall else _plot_samples
        plot_samples(axes[f"{name} samples"], variants)
        _plot_accuracy(axes[f"{name} accuracy"], variants)
    for line in lines:
        axes[f"{line[0]} accuracy"].set_ylabel("accuracy (%)")
    return figure


def _plot_samples(axes: Axes, variants: Sequence[FramingResult]) -> None:
    """The first samples of a framing, one below the other."""
    result = variants[0]
    framing, samples = result.framing, result.held_out  # these are the training samples
    _prepare(axes, framing.name, -0.6, 10.4)
    shape = " × ".join(
        f"{size:,} {noun}{'' if size == 1 else 's'}"
        for size, noun in zip(samples.inputs.shape, ("sample", "time step", "feature"), strict=True)
    )
    axes.text(-0.5, 1.45, shape, fontsize=8.5, va="center")
    if framing.batch_size > 1:
        axes.add_patch(Rectangle((-0.4, -5.5), 4, 6.2, facecolor="0.93"))
        accuracy, tenth = 100 * result.accuracy.mean(axis=0), len(result.epochs) // 10
        note = (
            "No state flows between\nthe samples of a batch.\nIt takes many epochs:\n"
            f"{accuracy[tenth]:.0f} % after {result.epochs[tenth]:,},\n"
            f"{accuracy[-1]:.0f} % after {result.epochs[-1]:,}."
        )
        axes.text(4, -2.4, note, fontsize=9.5, va="center")
    letters = framing.time_steps * framing.features
    for line in range(SAMPLES_SHOWN):
        string, y = samples.strings[line], -LINE_HEIGHT * line
        squares = string.rjust(letters, "0")  # 0 is the published padding
        x = 0.0
        for first in range(0, letters, framing.features):
            if first:
                plot_arrow(axes, (x - STATE_GAP, y), (x, y), ORANGE, 1.6)
            _plot_time_step(axes, x, y, squares[first : first + framing.features])
            x += framing.features + STATE_GAP
        label = ALPHABET[samples.labels[line]]
        axes.text(x - 0.3, y, f"→ {label}", fontsize=10, va="center", fontweight="bold")
        if framing.stateful and line:
            start, end = (0.5, y + LINE_HEIGHT - 0.5), (0.5, y + 0.5)
            plot_arrow(axes, start, end, ORANGE, 1.6, NO_GRADIENT)
    if framing.stateful:
        axes.text(3.2, -1.8, "the state is kept\nfrom A to Z", fontsize=8.5, va="center")
    axes.text(0.5, -5.05, "⋮", fontsize=11, ha="center", va="center")


def _plot_one_string(axes: Axes, variants: Sequence[FramingResult]) -> None:
    """The first held-out string in every variant, one below the other."""
    name, count = variants[0].framing.name, variants[0].framing.recall
    _prepare(axes, name, -5.0, 16.4)
    gap = 1.1 * STATE_GAP  # as long as the panel's width allows, to tell dotted arrows apart
    string = variants[0].held_out.strings[0]
    note = f"name the first of {count} random letters, in strings that were not trained on"
    axes.text(-5.0, 1.45, note, fontsize=8.5, va="center")
    for line, (result, (colour, _)) in enumerate(zip(variants, LINE_STYLES, strict=False)):
        framing, y = result.framing, -1.45 * line
        axes.text(-5.0, y, framing.variant, fontsize=9.5, va="center", color=colour)
        arrows = NO_GRADIENT if framing.stateful else "-"
        # Before its last letter, a stateful network has read the others.
        shown = string if framing.stateful else string[-framing.time_steps * framing.features :]
        x = 0.0
        for first in range(0, len(shown), framing.features):
            if first:
                plot_arrow(axes, (x - gap, y), (x, y), ORANGE, 1.6, arrows)
            _plot_time_step(axes, x, y, shown[first : first + framing.features])
            x += framing.features + gap
        axes.text(x - gap + 0.5, y, f"→ {string[0]}", fontsize=10, va="center", fontweight="bold")


def _prepare(axes: Axes, name: str, left: float, right: float) -> None:
    axes.set_title(name, loc="left", fontsize=11, fontweight="bold")
    axes.set(xlim=(left, right), ylim=(-5.6, 1.9), aspect="equal", anchor="W")
    axes.axis("off")


def _plot_time_step(axes: Axes, x: float, y: float, letters: str) -> None:
    for place, letter in enumerate(letters):
        colours = {"facecolor": "white" if letter != "0" else "0.88", "edgecolor": "0.7"}
        axes.add_patch(Rectangle((x + place, y - 0.5), 1, 1, **colours, linewidth=0.6))
        axes.text(x + place + 0.5, y - 0.04, letter, fontsize=9, ha="center", va="center")
    frame = {"boxstyle": "square,pad=0", "fill": False, "edgecolor": BLUE, "linewidth": 1.6}
    axes.add_patch(FancyBboxPatch((x, y - 0.5), len(letters), 1, **frame))


def _plot_accuracy(axes: Axes, variants: Sequence[FramingResult]) -> None:
    for result, (colour, line) in zip(variants, LINE_STYLES, strict=False):
        accuracy = 100 * result.accuracy  # (seeds, points)
        mean = accuracy.mean(axis=0)
        label = f"{result.framing.variant or 'measured'}: {mean[-1]:.1f}"
        if len(accuracy) > 1:
            spread = accuracy.std(axis=0, ddof=1)
            low, high = (mean - spread).clip(0), (mean + spread).clip(max=100)
            axes.fill_between(result.epochs, low, high, color=colour, alpha=0.2, linewidth=0)
            label += f" ± {spread[-1]:.1f}"
        axes.plot(result.epochs, mean, color=colour, linestyle=line, label=f"{label} %")
    framing = variants[0].framing
    name, reference = framing.reference
    label = f"{name}: {round(100 * reference, 2):g} %"
    axes.axhline(100 * reference, color=GREY, linewidth=1, zorder=0, label=label)
    axes.set(xlim=(0, framing.epochs), ylim=(0, 104), xlabel="epochs")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    simplify(axes)
    axes.tick_params(labelsize=8.5)
    place = "center right" if framing.recall else "lower right"
    axes.legend(loc=place, fontsize=8.5, edgecolor="none", framealpha=0.85)
