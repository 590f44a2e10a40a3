import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from PIL import Image

from tf_lstm.plots.animation import plot_frame, save_animation
from tf_lstm.plots.depth import row_depth_figure
from tf_lstm.plots.row_predictions import Prediction
from tf_lstm.plots.style import COMMITTED, PREDICTED, TRUE_CLASS, WRONG
from tf_lstm.terminal.errors import UserError

IMAGE = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
PROBABILITIES = np.full((28, 10), 0.05)
PROBABILITIES[:6, 6] = PROBABILITIES[6:9, 4] = PROBABILITIES[9:12, 6] = PROBABILITIES[12:, 4] = 0.55


def predicted(label):
    return Prediction(IMAGE, label, PROBABILITIES, "MNIST, test image 1938, predicted by a run")


@pytest.fixture(scope="module")
def panels():
    return axes_by_label(row_depth_figure(predicted(4)))


def axes_by_label(figure):
    return {axes.get_label(): axes for axes in figure.axes}


NAMES = ["image", "probabilities", "confidence", "entropy"]


def test_all_panels_have_the_same_row_axis(panels):
    for name in NAMES:
        box = panels[name].get_position()
        assert panels[name].get_ylim() == (28.5, 0.5)
        assert (box.y0, box.y1) == (panels["image"].get_position().y0, box.y1)
        assert box.y1 == pytest.approx(panels["image"].get_position().y1)
    for name in ("image", "probabilities"):
        assert panels[name].images[0].get_extent()[2:] == [28.5, 0.5]
    panels["image"].figure.draw_without_rendering()
    box = panels["image"].get_window_extent()
    assert box.width == pytest.approx(box.height)  # otherwise the aspect would shrink it


def test_image_and_probabilities_are_shown(panels):
    assert np.array_equal(panels["image"].images[0].get_array(), IMAGE)
    assert np.allclose(panels["probabilities"].images[0].get_array(), PROBABILITIES)


def test_confidence_probability_of_the_true_class_and_entropy_by_row(panels):
    most, true = panels["confidence"].lines[:2]
    assert np.allclose(most.get_xdata(), 0.55) and np.array_equal(most.get_ydata(), range(1, 29))
    assert np.allclose(true.get_xdata(), PROBABILITIES[:, 4])
    bits = -(0.55 * np.log2(0.55) + 9 * 0.05 * np.log2(0.05))
    assert np.allclose(panels["entropy"].lines[0].get_xdata(), bits)
    assert panels["entropy"].get_xlabel() == "bits"


def test_changes_of_the_predicted_class_are_marked_and_the_last_has_a_thick_line(panels):
    for name in NAMES:
        lines = [line for line in panels[name].lines if same_color(line.get_color(), PREDICTED)]
        widths = {line.get_ydata()[0]: line.get_linewidth() for line in lines}
        assert list(widths) == [6.5, 9.5, 12.5]
        assert widths[12.5] > widths[6.5] == widths[9.5]
    assert panels["entropy"].patches[0].get_bbox().extents[1::2].tolist() == [12.5, 28.5]


def test_true_class_and_predicted_classes_are_marked(panels):
    dots = panels["probabilities"].collections[0]
    assert dots.get_offsets()[:, 0].tolist() == PROBABILITIES.argmax(axis=1).tolist()
    for colour, row in zip(dots.get_facecolors(), PROBABILITIES, strict=True):
        assert same_color(colour, TRUE_CLASS if row.argmax() == 4 else WRONG)
    sides = [
        line for line in panels["probabilities"].lines if same_color(line.get_color(), TRUE_CLASS)
    ]
    assert [line.get_xdata()[0] for line in sides] == [3.5, 4.5]


def test_an_unknown_label_is_not_mentioned():
    figure = row_depth_figure(predicted(None))
    words = " ".join(text.get_text() for text in figure.texts)
    assert (
        "From row 13 (the commit row) on, the predicted class is 4 and never changes again."
        in words
    )
    assert "Label" not in words and "correct" not in words and "blue" not in words
    for axes in figure.axes:
        assert not any(same_color(line.get_color(), TRUE_CLASS) for line in axes.lines)


def test_nothing_is_clipped_or_overlaps():
    figure = row_depth_figure(predicted(4))
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for box in boxes + [text.get_window_extent() for text in figure.texts]:
        assert 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height
    lowest_text = min(text.get_window_extent().y0 for text in figure.texts)
    assert all(box.y1 <= lowest_text for box in boxes)
    boxes.sort(key=lambda box: box.x0)
    assert all(left.x1 < right.x0 + 3 for left, right in zip(boxes, boxes[1:], strict=False))


def test_a_frame_shows_the_rows_read_and_the_probabilities():
    figure = Figure()
    for row in (12, 13):  # the second replaces the first
        plot_frame(figure, predicted(4), row)
    digit, bars = figure.axes
    assert np.ma.getmaskarray(digit.images[0].get_array()).all(axis=1).tolist() == (
        [False] * 13 + [True] * 15
    )
    assert np.allclose([bar.get_height() for bar in bars.containers[0]], PROBABILITIES[12])
    assert bars.get_title() == "row 13 of 28 · 4 · 0.55 ✓"
    assert same_color(bars.get_facecolor(), COMMITTED)


def test_animation_has_a_frame_for_each_row_and_pauses_on_the_last(tmp_path):
    paths = tmp_path / "a.gif", tmp_path / "b.gif"
    for path in paths:
        save_animation(Prediction(IMAGE[:3], 4, PROBABILITIES[11:14], "title"), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == list(paths)
    with Image.open(paths[0]) as animation:
        durations = []
        for frame in range(animation.n_frames):
            animation.seek(frame)
            durations.append(animation.info["duration"])
    assert len(durations) == 3
    assert durations[0] == durations[1] <= 500 and durations[2] >= 2000  # milliseconds


def test_an_animation_is_a_gif(tmp_path):
    with pytest.raises(UserError, match=r"use \.gif"):
        save_animation(predicted(4), tmp_path / "a.png")
