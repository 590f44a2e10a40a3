"""A window to draw a digit in, while the row predictions follow every stroke."""

import matplotlib
import numpy as np
from matplotlib.backend_bases import MouseButton
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from tf_lstm.figures import LEADING, OTHER, require_display
from tf_lstm.handwriting import center
from tf_lstm.row_statistics import commit_row

SIDE = 280  # pixels of the paper, along each side
PEN = 22  # pixels; fitted into 20 × 20, lines are then as wide as MNIST's
ADVICE = (
    "draw on a computer with a screen, or with any program, and give the picture to "
    "scripts/plot_row_predictions.py --image."
)


class DrawingPad:
    """Paper to draw on with the mouse, what the network sees of it, and its row predictions.

    Args:
        figure: a `Figure` that has its canvas already; it is drawn on.
        read: turns images (1, 28, 28) uint8 into row predictions, (1, 28, 10).
    """

    def __init__(self, figure, read):
        self.figure, self.read = figure, read
        # Four channels, because matplotlib shows those in half the time that one takes.
        self.paper = Image.new("RGBA", (SIDE, SIDE), "white")
        self.pen = None  # the last point of the line that is being drawn
        self.drawing = False
        self.background = None  # everything that never changes, once it was drawn
        self.artists = []
        self._add_axes()
        read(np.zeros((1, 28, 28), np.uint8))  # TensorFlow traces now, not at the first stroke
        if figure.canvas.supports_blit:  # else the whole figure is drawn again each time
            for artist in self.artists:
                artist.set_animated(True)
        for event, respond in (
            ("button_press_event", self._press),
            ("motion_notify_event", self._move),
            ("button_release_event", self._release),
            ("draw_event", self._keep_background),
        ):
            figure.canvas.mpl_connect(event, respond)

    def _add_axes(self):
        paper, seen, rows, bars = self.figure.subplots(1, 4, width_ratios=(3, 3, 1.4, 2.2))
        self.figure.subplots_adjust(left=0.02, right=0.955, top=0.84, bottom=0.12, wspace=0.14)
        self.figure.suptitle("Draw a digit; the right mouse button clears the paper", fontsize=12)
        self.axes = paper
        self.paper_image = paper.imshow(self.paper, interpolation="nearest")
        paper.set(title="your digit", xticks=[], yticks=[])
        self.seen_image = seen.imshow(
            np.zeros((28, 28)), cmap="gray", vmin=0, vmax=255, extent=(0.5, 28.5, 28.5, 0.5)
        )
        seen.set(title="what the network sees", xticks=(1, 14, 28), yticks=(1, 7, 14, 21, 28))
        seen.set_ylabel("row (pixels)")
        extent = (-0.5, 9.5, 28.5, 0.5)
        self.rows_image = rows.imshow(
            np.zeros((28, 10)), cmap="Greys", vmin=0, vmax=1, aspect="auto", extent=extent
        )
        rows.set(title="after each row", xlabel="digit", xticks=range(0, 10, 3), yticks=[])
        rows.set_box_aspect(3 / 1.4)  # as high as the image, so that their rows line up
        self.commit_line = rows.axhline(0.5, color=LEADING, linewidth=2)
        self.bars = bars.bar(range(10), np.zeros(10), color=OTHER)
        bars.set(title="after the last row", xlabel="digit", ylim=(0, 1.15), xticks=range(10))
        bars.set_yticks((0, 0.5, 1), ("0", ".5", "1"))
        bars.yaxis.tick_right()
        bars.set_box_aspect(3 / 2.2)
        self.answer = bars.text(
            0.5, 0.98, "", transform=bars.transAxes, ha="center", va="top", fontsize=13
        )
        self.artists = [self.paper_image, self.seen_image, self.rows_image, self.commit_line]
        self.artists += [*self.bars, self.answer]

    def _press(self, event):
        if event.button == MouseButton.RIGHT:
            self.paper.paste("white", (0, 0, SIDE, SIDE))
            self.update()
        elif event.button == MouseButton.LEFT:
            self.drawing = True
            self._move(event)

    def _move(self, event):
        if not self.drawing:
            return
        if event.inaxes is not self.axes:
            self.pen = None  # the line goes on where the mouse comes back
            return
        point = event.xdata, event.ydata
        draw, radius = ImageDraw.Draw(self.paper), PEN / 2
        if self.pen:
            draw.line((*self.pen, *point), fill="black", width=PEN)
        x, y = point
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill="black")
        self.pen = point
        self.update()

    def _release(self, event):
        if event.button == MouseButton.LEFT:
            self.drawing, self.pen = False, None

    def update(self):
        """Read what is on the paper, and show it."""
        paper = np.asarray(self.paper)  # (SIDE, SIDE, 4)
        ink = 255 - paper[:, :, 0]
        image, probabilities = np.zeros((28, 28), np.uint8), np.zeros((28, 10))
        if ink.any():
            image = center(ink / 255)
            probabilities = self.read(image[None])[0]
        leading = int(np.argmax(probabilities[-1])) if ink.any() else None
        self.paper_image.set_data(paper)
        self.seen_image.set_data(image)
        self.rows_image.set_data(probabilities)
        self.commit_line.set_ydata([commit_row(probabilities) - 0.5] * 2)
        for digit, bar in enumerate(self.bars):
            bar.set_height(probabilities[-1, digit])
            bar.set_facecolor(LEADING if digit == leading else OTHER)
        self.answer.set_text(f"{leading} · {probabilities[-1].max():.2f}" if ink.any() else "")
        self._show()

    def _show(self):
        canvas = self.figure.canvas
        if not canvas.supports_blit:
            canvas.draw_idle()
        elif self.background is not None:  # before the window's first draw there is nothing to see
            canvas.restore_region(self.background)
            self._draw_artists()
            canvas.blit(self.figure.bbox)

    def _keep_background(self, event):
        if self.figure.canvas.supports_blit:
            self.background = self.figure.canvas.copy_from_bbox(self.figure.bbox)
            self._draw_artists()

    def _draw_artists(self):
        for artist in self.artists:
            self.figure.draw_artist(artist)


def open_drawing_pad(read):
    """Open a window with a `DrawingPad`, and wait until it is closed.

    Raises:
        UserError: there is no display.
    """
    from matplotlib import pyplot

    require_display(ADVICE)
    with matplotlib.rc_context({"toolbar": "None"}):  # its panning would take the mouse away
        figure = pyplot.figure(Figure(figsize=(11, 4.1), facecolor="white"))
    pad = DrawingPad(figure, read)  # the name keeps it alive: the canvas only knows its methods
    pyplot.show()
    return pad
