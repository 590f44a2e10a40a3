"""The LSTM cell as a diagram, with the names that `cells.LSTM` gives to everything."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from tf_lstm.plots.style import BLUE, GREEN, GREY, ORANGE, Point, plot_arrow

MEMORY, GATES, SUMS = 4.5, 2.5, 1.0  # heights
GATE_BOXES = (  # place, name, function, what it is
    (2.6, "f", "sigmoid", "forget gate"),
    (4.2, "i", "sigmoid", "input gate"),
    (5.6, "g", "tanh", "candidate"),
    (7.0, "o", "sigmoid", "output gate"),
)
FORGET, ADD, EXPOSE = 2.6, 4.9, 8.3  # where f, i * g and o act


def lstm_cell_figure() -> Figure:
    """Plot one time step of an LSTM: what is computed from what, in the symbols of the code."""
    figure = Figure(figsize=(8.5, 4.5), dpi=130, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.9, 11.6), ylim=(-0.85, 5.75))
    axes.set_aspect("equal")
    axes.axis("off")
    frame = {"boxstyle": "round,pad=0,rounding_size=0.25", "fc": "0.965", "ec": GREY, "lw": 1}
    axes.add_patch(FancyBboxPatch((0.9, -0.15), 8.95, 5.7, **frame, zorder=0))
    axes.text(1.1, 5.3, "one time step", fontsize=9.5, va="center", color="0.35")

    _memory(axes)
    _sums(axes)
    for x, name, function, meaning in GATE_BOXES:
        _box(axes, (x, GATES), 0.5, f"{name}\n{function}", BLUE)
        axes.text(x + 0.07, GATES - 0.62, meaning, fontsize=8.5, color="0.35", ha="left")
        plot_arrow(axes, (x, SUMS + 0.3), (x, GATES - 0.4))
    _output(axes)
    return figure


def _memory(axes: Axes) -> None:
    """From the old cell state to the new one: forget, then add."""
    _line(axes, (-0.8, MEMORY), (FORGET - 0.22, MEMORY), colour=ORANGE)
    _line(axes, (FORGET + 0.22, MEMORY), (ADD - 0.22, MEMORY), colour=ORANGE)
    _line(axes, (ADD + 0.22, MEMORY), (11.4, MEMORY), colour=ORANGE)
    _node(axes, (FORGET, MEMORY), "×")
    _node(axes, (ADD, MEMORY), "+")
    _node(axes, (ADD, 3.6), "×")
    plot_arrow(axes, (FORGET, GATES + 0.4), (FORGET, MEMORY - 0.22))
    plot_arrow(axes, (ADD, 3.6 + 0.22), (ADD, MEMORY - 0.22))
    for x, side in ((4.2, -1), (5.6, 1)):
        axes.plot((x, x), (GATES + 0.4, 3.6), color="0.3", linewidth=1.2)
        plot_arrow(axes, (x, 3.6), (ADD + side * 0.22, 3.6))
    axes.text(-0.8, MEMORY + 0.2, "state.cell_state", fontsize=9)
    axes.text(9.97, MEMORY + 0.2, "cell_state", fontsize=9)
    axes.text(FORGET, MEMORY + 0.38, "f * state.cell_state", fontsize=9, ha="center")
    axes.text(ADD + 0.1, MEMORY + 0.38, "+ i * g", fontsize=9, ha="center")


def _sums(axes: Axes) -> None:
    """From the inputs and the old hidden state to the sums, which are split in four."""
    text = "sums = inputs @ kernel + state.hidden @ recurrent_kernel + bias"
    _box(axes, (4.7, SUMS), 3.1, text, BLUE, 0.3)
    _line(axes, (-0.8, SUMS), (1.6, SUMS), colour=ORANGE)
    plot_arrow(axes, (4.7, -0.75), (4.7, SUMS - 0.3))
    axes.text(-0.8, SUMS + 0.2, "state.hidden", fontsize=9)
    axes.text(4.85, -0.55, "inputs: one row of the image, projected", fontsize=9, va="center")


def _output(axes: Axes) -> None:
    """From the new cell state to the new hidden state."""
    plot_arrow(axes, (EXPOSE, MEMORY), (EXPOSE, 3.9))
    _box(axes, (EXPOSE, 3.6), 0.45, "tanh", BLUE, 0.28)
    plot_arrow(axes, (EXPOSE, 3.32), (EXPOSE, GATES + 0.22))
    plot_arrow(axes, (7.5, GATES), (EXPOSE - 0.22, GATES))
    _node(axes, (EXPOSE, GATES), "×")
    axes.plot((EXPOSE, EXPOSE), (GATES - 0.22, SUMS), color=ORANGE, linewidth=2)
    _line(axes, (EXPOSE, SUMS), (11.4, SUMS), colour=ORANGE)
    plot_arrow(axes, (10.9, SUMS), (10.9, 2.2), GREEN)
    axes.text(9.97, SUMS - 0.35, "hidden", fontsize=9)
    axes.text(10.9, 2.3, "output, to\nweights['out']", fontsize=9, ha="center", va="bottom")
    axes.text(EXPOSE + 0.12, 1.72, "o *\ntanh(cell_state)", fontsize=9, va="center")


def _box(
    axes: Axes, centre: Point, half_width: float, text: str, colour: str, half_height: float = 0.4
) -> None:
    corner, style = (centre[0] - half_width, centre[1] - half_height), "round,pad=0"
    sides = (2 * half_width, 2 * half_height)
    shape = f"{style},rounding_size=0.1"
    axes.add_patch(FancyBboxPatch(corner, *sides, shape, fc="white", ec=colour, lw=1.6))
    axes.text(*centre, text, ha="center", va="center", fontsize=9)


def _node(axes: Axes, centre: Point, symbol: str) -> None:
    axes.add_patch(Circle(centre, 0.22, fc="white", ec="0.3", lw=1.2, zorder=3))
    axes.text(*centre, symbol, ha="center", va="center_baseline", fontsize=11, zorder=4)


def _line(axes: Axes, start: Point, end: Point, colour: str) -> None:
    plot_arrow(axes, start, end, colour, 2)
