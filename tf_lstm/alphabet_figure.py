"""The six framings of the alphabet side by side: what goes in, and how well it is learned."""

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator

from tf_lstm.alphabet import ALPHABET
from tf_lstm.figures import OTHER, RIVAL, TRUE

CONTROL = "#009E73"  # the third colour of the same palette
STYLES = ((TRUE, "-"), (RIVAL, "--"), (CONTROL, ":"))
LINE_HEIGHT = 1.75  # from one sample to the next, in letters
STATE_GAP = 0.8  # from one time step to the next, in letters
SAMPLES_SHOWN = 3


def alphabet_figure(lessons, title):
    """Draw every framing's samples, and its accuracy over the epochs.

    Args:
        lessons: a `Lesson` for each framing; the variants of one framing share its panel.
        title: which command made it.

    Returns:
        A `Figure`. Its axes come in pairs: "NAME samples" and "NAME accuracy".
    """
    panels = {}
    for lesson in lessons:
        panels.setdefault(lesson.framing.name, []).append(lesson)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    width, height = max(8, 3.5 * columns), 0.8 + 4.2 * rows
    figure = Figure(figsize=(width, height), dpi=120, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(hspace=0.06, wspace=0.04)
    seeds = len(lessons[0].accuracy)
    explanation = (
        "A blue frame is one time step, a square in it one feature. "
        "An orange arrow hands the LSTM's state on.\nCurves: accuracy on all training samples"
        + (f", mean ± standard deviation of {seeds} seeds." if seeds > 1 else ", one seed.")
    )
    # The empty lines keep room for the explanation.
    figure.suptitle(f"{title}\n\n\n", x=0.012, ha="left", fontsize=11, fontweight="bold")
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=(1, 1.05) * rows)
    for number, (name, variants) in enumerate(panels.items()):
        row, column = divmod(number, columns)
        _draw_samples(figure.add_subplot(grid[2 * row, column], label=f"{name} samples"), variants)
        curves = figure.add_subplot(grid[2 * row + 1, column], label=f"{name} accuracy")
        _draw_accuracy(curves, variants)
        if column == 0:
            curves.set_ylabel("accuracy (%)")
    figure.text(0.012, 1 - 0.33 / height, explanation, va="top", fontsize=9, linespacing=1.4)
    return figure


def _draw_samples(axes, variants):
    framing, samples = variants[0].framing, variants[0].samples
    axes.set_title(framing.name, loc="left", fontsize=11, fontweight="bold")
    axes.set(xlim=(-0.6, 10.4), ylim=(-5.6, 1.9), aspect="equal", anchor="W")
    axes.axis("off")
    axes.text(-0.5, 1.45, _shape_in_words(samples.inputs.shape), fontsize=8.5, va="center")
    if framing.batch_size > 1:
        axes.add_patch(Rectangle((-0.4, -5.5), 4, 6.2, facecolor="0.93"))
        axes.text(4, -2.4, "one batch:\nits rows do not\nsee each other", fontsize=8.5, va="center")
    letters = framing.time_steps * framing.features
    for line in range(SAMPLES_SHOWN):
        string, y = samples.strings[line], -LINE_HEIGHT * line
        # Zeros are what the network is given where there is no letter.
        squares = ["0"] * (letters - len(string)) + list(string)
        x = 0.0
        for first in range(0, letters, framing.features):
            if first:
                _draw_arrow(axes, (x - STATE_GAP, y), (x, y))
            _draw_time_step(axes, x, y, squares[first : first + framing.features])
            x += framing.features + STATE_GAP
        answer = ALPHABET[samples.labels[line]]
        axes.text(x - 0.3, y, f"→ {answer}", fontsize=10, va="center", fontweight="bold")
        if framing.stateful and line:
            _draw_arrow(axes, (0.5, y + LINE_HEIGHT - 0.5), (0.5, y + 0.5))
    if framing.stateful:
        axes.text(3.2, -1.8, "the state stays,\nfrom A to Z", fontsize=8.5, va="center")
    axes.text(0.5, -5.05, "⋮", fontsize=11, ha="center", va="center")


def _shape_in_words(shape):
    nouns = ("sample", "time step", "feature")
    return " × ".join(
        f"{size:,} {noun}{'' if size == 1 else 's'}"
        for size, noun in zip(shape, nouns, strict=True)
    )


def _draw_time_step(axes, x, y, letters):
    for place, letter in enumerate(letters):
        colour = "white" if letter != "0" else "0.88"
        axes.add_patch(
            Rectangle((x + place, y - 0.5), 1, 1, facecolor=colour, edgecolor="0.7", linewidth=0.6)
        )
        axes.text(x + place + 0.5, y - 0.04, letter, fontsize=9, ha="center", va="center")
    frame = FancyBboxPatch(
        (x, y - 0.5), len(letters), 1, boxstyle="square,pad=0", fill=False, edgecolor=TRUE
    )
    frame.set_linewidth(1.6)
    axes.add_patch(frame)


def _draw_arrow(axes, start, end):
    arrow = {"arrowstyle": "-|>", "color": RIVAL, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=arrow)


def _draw_accuracy(axes, variants):
    for lesson, (colour, line) in zip(variants, STYLES, strict=False):
        accuracy = 100 * lesson.accuracy  # (seeds, points)
        mean = accuracy.mean(axis=0)
        label = f"{lesson.framing.variant or 'measured'}: {mean[-1]:.1f}"
        if len(accuracy) > 1:
            spread = accuracy.std(axis=0, ddof=1)
            low, high = (mean - spread).clip(0), (mean + spread).clip(max=100)
            axes.fill_between(lesson.epochs, low, high, color=colour, alpha=0.2, linewidth=0)
            label += f" ± {spread[-1]:.1f}"
        axes.plot(lesson.epochs, mean, color=colour, linestyle=line, label=f"{label} %")
    framing = variants[0].framing
    published = 100 * framing.published
    axes.axhline(published, color=OTHER, linewidth=1, zorder=0, label=f"published: {published:g} %")
    axes.set(xlim=(0, framing.epochs), ylim=(0, 104), xlabel="epochs")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8.5)
    axes.legend(loc="lower right", fontsize=8.5, frameon=False)
