"""A window to draw a digit with the mouse; it shows the row predictions while you draw."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backend_bases import DrawEvent, MouseButton, MouseEvent
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from tf_lstm.data.class_names import DIGITS, class_noun
from tf_lstm.data.photo import center
from tf_lstm.plots.statistics import commit_row
from tf_lstm.plots.style import OTHER, PREDICTED, long_names, require_display, show_classes

SIDE = 280  # pixels, each side of the paper
PEN = 22  # pixels; scaled down to 20 × 20, lines are then as wide as MNIST's
ADVICE = (
    "use a computer with a screen, or draw with any program and pass the picture to "
    "scripts/plot_row_predictions.py --image."
)


class DrawingPad:
    """Paper to draw on with the mouse, the image that the network sees, and its row predictions.

    `predict` maps images (1, 28, 28) uint8 to row predictions (1, 28, 10). `figure` has a canvas.
    """

    def __init__(
        self,
        figure: Figure,
        predict: Callable[[np.ndarray], np.ndarray],
        class_names: Sequence[str] = DIGITS,
    ) -> None:
        self.figure, self.predict, self.class_names = figure, predict, class_names
        # RGBA, because matplotlib takes twice as long to show a single channel.
        self.paper = Image.new("RGBA", (SIDE, SIDE), "white")
        self.pen: tuple[float, float] | None = None  # where the current line ends
        self.drawing = False
        self.background: Any = None  # the pixels of everything that never changes
        self._add_axes()
        predict(np.zeros((1, 28, 28), np.uint8))  # TensorFlow traces now, not at the first stroke
        canvas = figure.canvas
        for artist in self.artists:  # without blitting, each update draws the whole figure
            artist.set_animated(canvas.supports_blit)
        canvas.mpl_connect("button_press_event", self._press)
        canvas.mpl_connect("motion_notify_event", self._move)
        canvas.mpl_connect("button_release_event", self._release)
        canvas.mpl_connect("draw_event", self._keep_background)

    def _add_axes(self) -> None:
        paper, seen, rows, bars = self.figure.subplots(1, 4, width_ratios=(3, 3, 1.4, 2.2))
        bottom = 0.3 if long_names(self.class_names) else 0.13
        self.figure.subplots_adjust(left=0.012, right=0.952, top=0.84, bottom=bottom, wspace=0.26)
        self.figure.suptitle("Draw here; the right mouse button clears the paper", fontsize=12)
        self.axes = paper
        self.paper_image = paper.imshow(self.paper, interpolation="nearest")
        paper.set(title="your drawing", xticks=[], yticks=[])
        self.seen_image = seen.imshow(np.zeros((28, 28)), cmap="gray", vmin=0, vmax=255)
        self.seen_image.set_extent((0.5, 28.5, 28.5, 0.5))
        seen.set(title="what the network sees", xticks=(1, 14, 28), yticks=(1, 7, 14, 21, 28))
        seen.set(xlabel="column (pixels)", ylabel="row (pixels)")
        self.rows_image = rows.imshow(np.zeros((28, 10)), cmap="Greys", vmin=0, vmax=1)
        self.rows_image.set_extent((-0.5, 9.5, 28.5, 0.5))
        rows.set_aspect("auto")
        noun = class_noun(self.class_names)
        rows.set(title="after each row", xlabel=noun, yticks=[])
        show_classes(rows.xaxis, self.class_names)
        rows.tick_params(labelsize=7)
        rows.set_box_aspect(3 / 1.4)  # as high as the image, so that their rows line up
        self.commit_line = rows.axhline(0.5, color=PREDICTED, linewidth=2)
        self.bars = bars.bar(range(10), np.zeros(10), color=OTHER)
        bars.set(title="after the last row", xlabel=noun, ylim=(0, 1.15))
        show_classes(bars.xaxis, self.class_names)
        bars.set_yticks((0, 0.5, 1), ("0", ".5", "1"))
        bars.set_ylabel("probability")
        bars.yaxis.tick_right()
        bars.yaxis.set_label_position("right")
        bars.set_box_aspect(3 / 2.2)
        # At size 13 hinting doubles the strokes, and the text looks as if it were printed twice.
        self.answer = bars.text(
            0.5, 0.98, "", transform=bars.transAxes, ha="center", va="top", fontsize=12
        )
        self.artists = [self.paper_image, self.seen_image, self.rows_image, *self.bars]
        self.artists += [self.commit_line, self.answer]
        # Images and bars cover half of the spines' width, so the spines are drawn after them.
        self.artists += [spine for axes in self.figure.axes for spine in axes.spines.values()]
        self.artists.sort(key=lambda artist: artist.get_zorder())

    def _press(self, event: MouseEvent) -> None:
        if event.button == MouseButton.RIGHT:
            self.paper.paste("white", (0, 0, SIDE, SIDE))
            self.update()
        elif event.button == MouseButton.LEFT:
            self.drawing = True
            self._move(event)

    def _move(self, event: MouseEvent) -> None:
        if not self.drawing:
            return
        if event.inaxes is not self.axes:
            self.pen = None  # the line starts again where the mouse returns
            return
        point = event.xdata, event.ydata
        draw = ImageDraw.Draw(self.paper)
        if self.pen:
            draw.line((*self.pen, *point), fill="black", width=PEN)
        draw.circle(point, PEN / 2, fill="black")
        self.pen = point
        self.update()

    def _release(self, event: MouseEvent) -> None:
        if event.button == MouseButton.LEFT:
            self.drawing, self.pen = False, None

    def update(self) -> None:
        """Predict the class of the drawing, and show the prediction."""
        paper = np.asarray(self.paper)  # (SIDE, SIDE, 4)
        ink = 255 - paper[:, :, 0]
        image, probabilities, predicted, answer = np.zeros((28, 28)), np.zeros((28, 10)), None, ""
        if ink.any():
            image = center(ink / 255)
            probabilities = self.predict(image[None])[0]
            predicted = int(np.argmax(probabilities[-1]))
            answer = f"{self.class_names[predicted]} · {probabilities[-1, predicted]:.2f}"
        self.paper_image.set_data(paper)
        self.seen_image.set_data(image)
        self.rows_image.set_data(probabilities)
        self.commit_line.set_ydata([commit_row(probabilities) - 0.5] * 2)
        for digit, bar in enumerate(self.bars):
            bar.set_height(probabilities[-1, digit])
            bar.set_facecolor(PREDICTED if digit == predicted else OTHER)
        self.answer.set_text(answer)
        canvas = self.figure.canvas
        if not canvas.supports_blit:
            canvas.draw_idle()
        elif self.background is not None:  # None before the first draw
            canvas.restore_region(self.background)
            self._draw_artists()
            canvas.blit(self.figure.bbox)

    def _keep_background(self, event: DrawEvent) -> None:
        canvas = self.figure.canvas
        # A figure that is being saved already shows the animated artists.
        if canvas.supports_blit and not canvas.is_saving():
            self.background = canvas.copy_from_bbox(self.figure.bbox)
            self._draw_artists()

    def _draw_artists(self) -> None:
        for artist in self.artists:
            self.figure.draw_artist(artist)


def open_drawing_pad(
    predict: Callable[[np.ndarray], np.ndarray], class_names: Sequence[str] = DIGITS
) -> DrawingPad:
    """Open a window with a `DrawingPad`, and wait until it is closed."""
    from matplotlib import pyplot

    require_display(ADVICE)
    with matplotlib.rc_context({"toolbar": "None"}):  # its pan and zoom would capture the mouse
        figure = pyplot.figure(Figure(figsize=(11, 4.1), facecolor="white"))
    # Keep the pad: the canvas holds only weak references to its methods.
    pad = DrawingPad(figure, predict, class_names)
    pyplot.show()
    return pad
