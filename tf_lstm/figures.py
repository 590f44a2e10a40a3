"""Every plot of this project, drawn with matplotlib and without a display.

The figures are `matplotlib.figure.Figure` objects that pyplot does not know, until one is shown.
"""

import matplotlib
import numpy as np
from matplotlib.backends import BackendFilter, backend_registry
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator

from tf_lstm.errors import UserError
from tf_lstm.files import whole_file
from tf_lstm.row_statistics import commit_row

# From Okabe and Ito's palette, whose colours colour-blind readers tell apart too.
TRUE, RIVAL, OTHER, LEADING = "#0072B2", "#E69F00", "0.6", "#009E73"
UNREAD = {"facecolor": "0.9", "edgecolor": "0.7", "hatch": "////"}
DECIDED = "#e3eff8"

# Without the date and the library's version, the same figure gives the same bytes.
METADATA = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def describe_answer(probabilities, label):
    """Which class leads in the end, from which row on, and whether it is right, in a sentence."""
    final = int(np.argmax(probabilities[-1]))
    verdict = "" if label is None else " (right)" if final == label else " (wrong)"
    known = "" if label is None else f"Label {label}. "
    return (
        f"{known}From row {commit_row(probabilities)} on the leading class is {final}{verdict} "
        "and never changes again."
    )


def row_predictions_figure(image, label, probabilities, title):
    """Draw what the network has read, and what it answers, after each of the 28 rows.

    Args:
        image: (28, 28) uint8.
        label: the true class, 0 to 9, or None where nobody knows it.
        probabilities: (28, 10), the softmax after each row.
        title: which image of which data, read by which run.

    Returns:
        A `Figure`. Its axes come in pairs: "image t" shows the rows 1 to t, "row t" has the bars.
    """
    decided = commit_row(probabilities)
    figure = Figure(figsize=(8.5, 10.4), dpi=130, facecolor="white")
    grid = figure.add_gridspec(
        7, 4, left=0.012, right=0.972, top=0.884, bottom=0.022, wspace=0.15, hspace=0.46
    )
    for row, after_row in enumerate(probabilities, start=1):
        left, right = grid[row - 1].subgridspec(1, 2, width_ratios=(1, 1.04), wspace=0.05)
        draw_rows_read(figure.add_subplot(left, label=f"image {row}"), image, row)
        bars = figure.add_subplot(right, label=f"row {row}")
        draw_probabilities(bars, after_row, label, f"row {row}")
        bars.set_facecolor(DECIDED if row >= decided else "white")

    explanation = (
        f"{describe_answer(probabilities, label)}\nBars: the softmax over the ten digits, after "
        "that row. Above them: row · leading class · its probability."
    )
    colours = [
        *class_patches(label),
        Patch(**UNREAD, label="not read yet"),
        Patch(facecolor=DECIDED, edgecolor="0.7", label="leader never changes again"),
    ]
    figure.suptitle(title, x=0.012, y=0.992, ha="left", fontsize=11, fontweight="bold")
    figure.text(0.012, 0.966, explanation, va="top", fontsize=8.5, linespacing=1.4)
    figure.legend(handles=colours, loc=(0.012, 0.905), ncols=5, frameon=False, fontsize=8.5)
    return figure


def class_patches(label):
    """What the colours of the bars mean, for a legend."""
    if label is None:
        leaders = [Patch(color=LEADING, label="leading class")]
    else:
        leaders = [
            Patch(color=TRUE, label=f"true class, {label}"),
            Patch(color=RIVAL, label="a wrong class leads"),
        ]
    return [*leaders, Patch(color=OTHER, label="other classes")]


def draw_rows_read(axes, image, rows_read):
    """Draw the first rows of an image (28, 28), and a hatched area in place of the others."""
    unread = np.broadcast_to(np.arange(len(image))[:, None] >= rows_read, image.shape)
    axes.imshow(np.ma.masked_array(image, unread), cmap="gray", vmin=0, vmax=255)
    axes.patch.set(**UNREAD)
    axes.set(xticks=[], yticks=[], anchor="W")
    axes.spines[:].set_visible(False)


def draw_probabilities(axes, probabilities, label, name):
    """Draw the probabilities of the ten classes as bars, under their leader's name and value."""
    leading = int(np.argmax(probabilities))
    colours = [OTHER] * len(probabilities)
    colours[leading] = LEADING if label is None else RIVAL
    if label is not None:
        colours[label] = TRUE
    axes.bar(range(len(probabilities)), probabilities, color=colours, width=0.8, zorder=2)
    mark = "" if label is None else " ✓" if leading == label else " ✗"
    axes.set_title(f"{name} · {leading} · {probabilities[leading]:.2f}{mark}", fontsize=8, pad=3)
    axes.set(xlim=(-0.6, len(probabilities) - 0.4), ylim=(0, 1))
    axes.set_xticks(range(len(probabilities)))
    axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.yaxis.tick_right()
    axes.tick_params(length=0, pad=2, labelsize=7)
    axes.grid(axis="y", color="0.8", linewidth=0.6)
    axes.spines[["left", "right", "top"]].set_visible(False)
    if label is not None:
        axes.get_xticklabels()[label].set(color=TRUE, fontweight="bold")


def learning_curves_figure(history, title):
    """Draw loss and error after each epoch.

    Args:
        history: a dictionary for each epoch: epoch, train_loss, train_accuracy, validation_loss,
            validation_accuracy (nan where there was no validation split), seconds.
        title: which run.
    """
    figure = Figure(figsize=(8.5, 3.6), dpi=130, facecolor="white", layout="constrained")
    seconds = sum(epoch["seconds"] for epoch in history)
    epochs = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    figure.suptitle(f"{title}: {epochs}, {seconds:.0f} s", fontsize=11)
    left, right = figure.subplots(1, 2)
    _draw_curves(left, history, "loss", "loss (nats)", lambda loss: loss)
    _draw_curves(right, history, "accuracy", "error (%)", lambda accuracy: 100 * (1 - accuracy))
    return figure


def _draw_curves(axes, history, key, ylabel, convert):
    epochs = [epoch["epoch"] for epoch in history]
    curves = {}
    for split in ("train", "validation"):
        values = convert(np.array([epoch[f"{split}_{key}"] for epoch in history], float))
        if np.isfinite(values).any():
            curves[split] = values
    highest = max(curves, key=lambda split: curves[split][-1], default=None)
    for split, values in curves.items():
        colour, marker = ("0.4", "o") if split == "train" else (TRUE, "s")
        axes.plot(epochs, values, color=colour, marker=marker, markersize=4, label=split)
        va = "bottom" if split == highest else "top"  # labels make way where two curves' ends meet
        end = (epochs[-1], values[-1])
        axes.annotate(split, end, (6, 0), textcoords="offset points", va=va, color=colour)
    values = np.concatenate([*curves.values(), []])
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0:
        axes.set(yscale="log", ylim=(values.min() / 1.5, values.max() * 1.5))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.minorticks_off()
    axes.set(xlabel="epoch", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color="0.85", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure, path):
    """Write a figure as PNG, SVG or PDF, by the path's suffix: whole or not at all."""
    with whole_file(path, METADATA) as unfinished:
        suffix = unfinished.suffix.lower()
        with matplotlib.rc_context({"svg.hashsalt": "tf_lstm"}):
            figure.savefig(unfinished, format=suffix[1:], metadata=METADATA[suffix])


def require_display(advice):
    """Raise a UserError with `advice` where no window can be opened."""
    from matplotlib import pyplot  # it chooses a backend, which only a window needs

    if pyplot.get_backend() in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE):
        raise UserError(f"There is no display for a window: {advice}")


def show_figure(figure):
    """Open a window with a figure, and wait until it is closed."""
    from matplotlib import pyplot

    require_display("leave --show out and open the file.")
    pyplot.figure(figure)
    pyplot.show()
