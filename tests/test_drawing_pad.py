import io
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backend_bases import FigureCanvasBase, MouseButton, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tf_lstm.plots.drawing_pad import PEN, DrawingPad, open_drawing_pad
from tf_lstm.terminal.errors import UserError


class Predictor:
    """A network that predicts 7 once it has seen white and 1 before; it records the images."""

    def __init__(self):
        self.images = []

    def __call__(self, images):
        self.images.append(images[0])
        seen = np.maximum.accumulate(images[0].max(axis=1) > 0)
        return np.where(seen[:, None], np.eye(10)[7], np.eye(10)[1])[None]


class Hand:
    """A mouse over the window."""

    def __init__(self, canvas_class=FigureCanvasAgg):
        self.predict = Predictor()
        self.canvas = canvas_class(Figure(figsize=(11, 4.1)))
        self.pad = DrawingPad(self.canvas.figure, self.predict)
        self.canvas.draw()
        self.blits = []
        self.canvas.blit = self.blits.append

    def do(self, name, x, y, button=MouseButton.LEFT):
        """Post a mouse event at a point of the paper."""
        pixels = self.pad.axes.transData.transform((x, y))
        self.canvas.callbacks.process(name, MouseEvent(name, self.canvas, *pixels, button))

    def draw(self, *points):
        self.do("button_press_event", *points[0])
        for point in points[1:]:
            self.do("motion_notify_event", *point)
        self.do("button_release_event", *points[-1])

    @property
    def ink(self):
        return np.asarray(self.pad.paper)[:, :, 0] < 255

    def pixels(self):
        return np.asarray(self.canvas.buffer_rgba()).copy()


@pytest.fixture
def hand():
    return Hand()


def test_lines_appear_where_the_mouse_was(hand):
    hand.draw((50, 60), (200, 60))
    hand.draw((100, 200), (100, 240))
    rows, columns = np.nonzero(hand.ink[:100])
    assert np.isclose([rows.min(), rows.max()], [60 - PEN / 2, 60 + PEN / 2], atol=1.5).all()
    assert np.isclose([columns.min(), columns.max()], [50 - PEN / 2, 200 + PEN / 2], atol=1.5).all()
    assert hand.ink[200:240, 100].all() and not hand.ink[80:180].any()


def test_the_paper_stays_blank_without_the_left_button_or_beside_the_paper(hand):
    hand.do("motion_notify_event", 50, 50)
    hand.draw((-60, 50), (-30, 60))
    hand.do("button_press_event", 50, 50, MouseButton.MIDDLE)
    hand.do("motion_notify_event", 80, 50)
    assert not hand.ink.any()


def test_a_line_that_leaves_the_paper_starts_again_where_it_returns(hand):
    hand.draw((20, 40), (-60, 40), (-60, 240), (20, 240))
    assert hand.ink[40, 20] and hand.ink[240, 20] and not hand.ink[80:200].any()


def test_each_stroke_updates_image_and_predictions(hand):
    before = hand.pixels()
    hand.do("button_press_event", 140, 100)
    hand.do("motion_notify_event", 140, 160)
    image = hand.predict.images[-1]
    assert image.shape == (28, 28) and image.dtype == np.uint8 and image.max() == 255
    assert np.array_equal(hand.pad.seen_image.get_array(), image)
    heights = [bar.get_height() for bar in hand.pad.bars]
    assert heights == np.eye(10)[7].tolist() and hand.pad.answer.get_text() == "7 · 1.00"
    first = np.nonzero(image.any(axis=1))[0][0] + 1
    assert hand.pad.rows_image.get_array()[:, 7].tolist() == [0] * (first - 1) + [1] * (29 - first)
    assert hand.pad.commit_line.get_ydata() == [first - 0.5] * 2
    assert len(hand.blits) == 2 and not np.array_equal(hand.pixels(), before)


def test_the_right_button_clears_everything(hand):
    before = hand.pixels()
    hand.draw((50, 60), (200, 60))
    hand.do("button_press_event", 100, 100, MouseButton.RIGHT)
    assert not hand.ink.any() and np.array_equal(hand.pixels(), before)


def test_redrawing_the_window_keeps_the_digit(hand):
    hand.draw((50, 60), (200, 60))
    shown = hand.pixels()
    hand.canvas.draw()
    assert np.array_equal(hand.pixels(), shown)


def test_a_blitted_update_equals_a_full_draw(hand):
    hand.draw((50, 60), (200, 60))
    blitted = hand.pixels()
    for artist in hand.pad.artists:
        artist.set_animated(False)
    hand.pad.artists = []
    hand.canvas.draw()
    assert np.array_equal(hand.pixels(), blitted)


def test_saving_the_figure_changes_nothing_in_the_window(hand):
    hand.draw((50, 60), (200, 60))
    shown, background = hand.pixels(), hand.pad.background
    hand.pad.figure.savefig(io.BytesIO(), format="png")
    assert hand.pad.background is background
    hand.pad.update()
    assert np.array_equal(hand.pixels(), shown)


def test_nothing_is_clipped_or_overlaps(hand):
    hand.draw((50, 60), (200, 60))
    width, height = hand.canvas.figure.bbox.size
    boxes = [axes.get_tightbbox() for axes in hand.canvas.figure.axes]
    assert all(0 <= box.x0 and box.x1 <= width for box in boxes)
    assert all(0 <= box.y0 and box.y1 <= height for box in boxes)
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_a_canvas_that_cannot_blit_is_redrawn_completely():
    hand = Hand(FigureCanvasBase)
    draws = []
    hand.canvas.draw_idle = lambda: draws.append(True)
    hand.draw((50, 60), (200, 60))
    assert len(draws) == 2 and not hand.blits
    assert not any(artist.get_animated() for artist in hand.pad.artists)


def test_without_a_display_the_error_names_an_alternative(monkeypatch):
    from matplotlib import pyplot

    monkeypatch.setattr(pyplot, "get_backend", lambda: "agg")
    with pytest.raises(UserError, match="--image"):
        open_drawing_pad(Predictor())


def test_a_window_is_opened_without_a_toolbar(monkeypatch):
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    monkeypatch.setattr(pyplot, "get_backend", lambda: "a backend with windows")
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gcf()))
    pad = open_drawing_pad(Predictor())
    assert shown == [pad.figure] and pad.figure.canvas.manager.toolbar is None
    pyplot.close(pad.figure)
