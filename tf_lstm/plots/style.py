"""What all figures share: colours, titles, axes, and how figures are saved and shown.

Figures are plain `matplotlib.figure.Figure` objects, so plotting needs no display and no pyplot.
"""

import re
import sys
import unicodedata
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends import BackendFilter, backend_registry
from matplotlib.figure import Figure

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import atomic_path

Point = tuple[float, float]

# From Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "0.6"
CELL_COLOURS = {"lstm": BLUE, "gru": GREEN, "rnn": ORANGE}
CELL_NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "simple RNN"}
TRUE_CLASS, WRONG, PREDICTED, OTHER = BLUE, ORANGE, GREEN, GREY
COMMITTED = "#e3eff8"  # background from the commit row on

ROW_TICKS = (1, 7, 14, 21, 28)
FIGURE_TITLE = {"x": 0.012, "ha": "left", "fontsize": 11, "fontweight": "bold"}

# Without the date and matplotlib's version, the same figure is saved as the same bytes.
METADATA = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

MISSING_GLYPH = re.compile(r"Glyph (\d+) .* missing from font\(s\) (.*)\.$")


def simplify(axes: Axes, grid: str = "y") -> None:
    """Hide the top and right spines, and add light lines at the ticks of the axis `grid`."""
    axes.grid(axis=grid, color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def small_chart(axes: Axes, title: str = "", ticks: float = 8) -> None:
    """Simplify one chart of several, and give it a title; `ticks` is the size of tick labels."""
    simplify(axes)
    axes.set_title(title, loc="left", fontsize=9.5)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    axes.tick_params(labelsize=ticks)


def plot_arrow(
    axes: Axes,
    start: Point,
    end: Point,
    colour: str = "0.3",
    width: float = 1.2,
    line: str = "-",
) -> None:
    """Plot an arrow with a filled head."""
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": width, "linestyle": line}
    arrow |= {"shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=arrow)


def long_names(class_names: Sequence[str]) -> bool:
    """Whether names are too long to stand side by side below an axis."""
    return max(map(len, class_names)) > 2


def shorten(name: str) -> str:
    """Shorten the name of a class to about the width of 12 lower-case letters."""
    widths = [*accumulate(map(character_width, name))]
    if widths[-1] <= 6.6:
        return name
    return f"{name[: bisect_right(widths, 6.3)]}…"


def character_width(character: str) -> float:
    """About how wide a character is, as a multiple of the font size."""
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    return 0.75 if character.isupper() else 0.55


def show_classes(axis: Axis, class_names: Sequence[str], most: int = 26) -> None:
    """Name the classes 0, 1, ... on an axis; long names below an axis are rotated by 90 degrees.

    If there are more than `most`, only every second class is named, or every third, and so on.
    """
    upwards = axis.axis_name == "x" and long_names(class_names)
    ticks = range(0, len(class_names), -(-len(class_names) // most))
    names = [shorten(class_names[tick]) for tick in ticks]
    axis.set_ticks(ticks, names, rotation=90 if upwards else 0)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure atomically as PNG, SVG or PDF, chosen by the suffix of `path`."""
    with atomic_path(path, METADATA) as temporary, missing_glyphs_reported():
        suffix = temporary.suffix.lower()
        with matplotlib.rc_context({"svg.hashsalt": "tf_lstm"}):
            figure.savefig(temporary, format=suffix[1:], metadata=METADATA[suffix])


@contextmanager
def missing_glyphs_reported() -> Iterator[None]:
    """Replace matplotlib's warnings of missing characters in a `with` block by one sentence.

    Otherwise a figure with class names in Chinese causes hundreds of lines.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    missing = {}
    for warning in caught:
        if match := MISSING_GLYPH.match(str(warning.message)):
            missing[chr(int(match[1]))] = match[2]
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if missing:
        fonts = ", ".join(sorted(set(missing.values())))
        print(
            f"The font {fonts} lacks {''.join(missing)}, which the figure shows as boxes: set "
            "font.family in a file named matplotlibrc to a font that has these characters.",
            file=sys.stderr,
        )


def show_figure(figure: Figure) -> None:
    """Open a window with a figure, and wait until the window is closed.

    Raises:
        UserError: there is no display.
    """
    from matplotlib import pyplot  # selects a backend, which only windows need

    if pyplot.get_backend() in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE):
        raise UserError("There is no display for a window: omit --show and open the file.")
    pyplot.figure(figure)
    with warnings.catch_warnings():  # `save_figure` has reported missing characters
        warnings.filterwarnings("ignore", "Glyph .* missing")
        pyplot.show()
