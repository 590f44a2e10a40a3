import os
import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from tf_lstm.plots.learning_curves import learning_curves_figure
from tf_lstm.plots.row_predictions import Prediction, row_predictions_figure, show_rows_read
from tf_lstm.plots.statistics import commit_row
from tf_lstm.plots.style import save_figure, show_figure
from tf_lstm.terminal.errors import UserError

LABEL = 4
IMAGE = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
PROBABILITIES = np.random.default_rng(1).dirichlet(np.full(10, 0.5), 28)
PROBABILITIES[19:] = 0.05
PROBABILITIES[19:, LABEL] = 0.55
PROBABILITIES[18] = PROBABILITIES[19, ::-1]  # 5 is predicted: row 20 is the commit row


@pytest.fixture(scope="module")
def figure():
    return row_predictions_figure(Prediction(IMAGE, LABEL, PROBABILITIES, "image 7 of some data"))


@pytest.fixture(scope="module")
def bar_axes(figure):
    by_label = {axes.get_label(): axes for axes in figure.axes}
    return [by_label[f"row {row}"] for row in range(1, 29)]


def colour(bar):
    return bar.get_facecolor()


def one_hot(*classes):
    return np.eye(10)[list(classes)]


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ((4, 4, 4, 4), 1),
        ((7, 4, 4, 4), 2),
        ((4, 7, 4, 4), 3),
        ((4, 4, 4, 7), 4),
        ((1, 7, 1, 7), 4),
        ((3,), 1),
    ],
)
def test_commit_row(predicted, expected):
    assert commit_row(one_hot(*predicted)) == expected


def test_commit_row_depends_on_the_predicted_class_not_on_its_confidence():
    probabilities = [[0.4, 0.3, 0.3], [0.1, 0.5, 0.4], [0.2, 0.41, 0.39], [0.0, 1.0, 0.0]]
    assert commit_row(np.array(probabilities)) == 2


def test_28_panels_in_7_rows_of_4_are_ordered_like_text(bar_axes):
    corners = [axes.get_position() for axes in bar_axes]
    places = [(-round(corner.y0, 6), round(corner.x0, 6)) for corner in corners]
    assert places == sorted(places)
    assert len({y for y, _ in places}) == 7
    assert len({x for _, x in places}) == 4


def test_the_image_is_left_of_its_bars(figure, bar_axes):
    by_label = {axes.get_label(): axes for axes in figure.axes}
    for row, axes in enumerate(bar_axes, start=1):
        image, bars = by_label[f"image {row}"].get_position(), axes.get_position()
        assert bars.x0 - 0.1 < image.x1 < bars.x0
        assert bars.y0 <= image.y0 < image.y1 <= bars.y1


def test_bar_heights_are_the_probabilities(bar_axes):
    for axes, probabilities in zip(bar_axes, PROBABILITIES, strict=True):
        (bars,) = axes.containers
        assert np.allclose([bar.get_height() for bar in bars], probabilities)
        assert np.allclose([bar.get_x() + bar.get_width() / 2 for bar in bars], range(10))
        assert axes.get_ylim() == (0, 1)
        assert [tick.get_text() for tick in axes.get_xticklabels()] == list("0123456789")


def test_true_class_and_a_wrong_predicted_class_have_their_own_colours(bar_axes):
    wrong_predictions = 0
    for axes, probabilities in zip(bar_axes, PROBABILITIES, strict=True):
        (bars,) = axes.containers
        predicted = probabilities.argmax()
        others = [bar for digit, bar in enumerate(bars) if digit not in (LABEL, predicted)]
        assert len({colour(bar) for bar in others}) == 1
        assert not any(same_color(colour(bars[LABEL]), colour(bar)) for bar in others)
        if predicted != LABEL:
            wrong_predictions += 1
            assert not same_color(colour(bars[predicted]), colour(others[0]))
            assert not same_color(colour(bars[predicted]), colour(bars[LABEL]))
        weights = [tick.get_fontweight() for tick in axes.get_xticklabels()]
        assert [digit for digit in range(10) if weights[digit] == "bold"] == [LABEL]
    assert wrong_predictions > 5


def test_panel_titles_name_row_predicted_class_and_probability(bar_axes):
    for row, axes in enumerate(bar_axes, start=1):
        predicted = PROBABILITIES[row - 1].argmax()
        mark = "✓" if predicted == LABEL else "✗"
        probability = f"{PROBABILITIES[row - 1].max():.2f}"
        assert axes.get_title() == f"row {row} · {predicted} · {probability} {mark}"
    assert bar_axes[19].get_title() == "row 20 · 4 · 0.55 ✓"
    assert bar_axes[18].get_title() == "row 19 · 5 · 0.55 ✗"


def test_unread_rows_are_not_shown(figure):
    by_label = {axes.get_label(): axes for axes in figure.axes}
    for row in range(1, 29):
        axes = by_label[f"image {row}"]
        (shown,) = axes.images
        pixels = shown.get_array()
        assert np.array_equal(pixels[:row], IMAGE[:row])
        assert not np.ma.getmaskarray(pixels)[:row].any()
        assert np.ma.getmaskarray(pixels)[row:].all()
        assert axes.patch.get_hatch()
        assert shown.get_clim() == (0, 255)


def test_header_gives_title_label_and_commit_row(figure, bar_axes):
    assert figure.get_suptitle() == "image 7 of some data"
    (explanation,) = (text.get_text() for text in figure.texts if "\n" in text.get_text())
    assert explanation.startswith(
        "Label 4. From row 20 (the commit row) on, the predicted class is 4 (correct)"
    )
    backgrounds = [axes.get_facecolor() for axes in bar_axes]
    assert len(set(backgrounds[:19])) == len(set(backgrounds[19:])) == 1
    assert backgrounds[18] != backgrounds[19]


def test_header_says_when_the_final_predicted_class_is_wrong():
    figure = row_predictions_figure(Prediction(IMAGE, 3, PROBABILITIES, "image"))
    assert any("predicted class is 4 (wrong)" in text.get_text() for text in figure.texts)


def test_nothing_is_clipped_or_overlaps(figure):
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    axes_top = 0
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height
        axes_top = max(axes_top, box.y1)
    (legend,) = figure.legends
    boxes = [text.get_window_extent() for text in figure.texts] + [legend.get_window_extent()]
    boxes.sort(key=lambda box: box.y0)
    for lower, upper in pairwise(boxes):
        assert lower.y1 <= upper.y0 + 2
    assert boxes[0].y0 >= axes_top - 2 and all(box.x1 <= width for box in boxes)


def history(epochs, validation=True):
    nan = float("nan")
    return [
        SimpleNamespace(
            epoch=epoch,
            train_loss=0.5 / epoch,
            train_accuracy=1 - 0.1 / epoch,
            validation_loss=0.6 / epoch if validation else nan,
            validation_accuracy=1 - 0.2 / epoch if validation else nan,
            seconds=2.5,
        )
        for epoch in range(1, epochs + 1)
    ]


def curves(axes):
    return {line.get_label(): line.get_ydata() for line in axes.lines}


def labels(axes):
    return [text.get_text() for text in axes.texts]


def test_learning_curves():
    figure = learning_curves_figure(history(4), "some run")
    loss, error = figure.axes
    assert figure.get_suptitle() == "some run: 4 epochs, 10 s"
    assert np.allclose(curves(loss)["train"], [0.5, 0.25, 0.5 / 3, 0.125])
    assert np.allclose(curves(loss)["validation"], [0.6, 0.3, 0.2, 0.15])
    assert np.allclose(curves(error)["train"], [10, 5, 10 / 3, 2.5])
    assert np.allclose(curves(error)["validation"], [20, 10, 20 / 3, 5])
    assert list(loss.lines[0].get_xdata()) == [1, 2, 3, 4]
    assert labels(loss) == labels(error) == ["train", "validation"]
    assert loss.get_ylabel() == "loss (nats)" and error.get_ylabel() == "error (%)"


def test_learning_curves_without_validation():
    for axes in learning_curves_figure(history(3, validation=False), "some run").axes:
        assert list(curves(axes)) == labels(axes) == ["train"]


def test_a_single_epoch_is_visible():
    figure = learning_curves_figure(history(1), "some run")
    figure.draw_without_rendering()
    assert figure.get_suptitle() == "some run: 1 epoch, 2 s"
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert any(low <= tick <= high for tick in axes.get_yticks())
        assert all(line.get_marker() not in ("", "None") for line in axes.lines)


def test_an_error_of_zero_is_shown_on_a_linear_axis():
    records = history(2)
    records[1].train_accuracy = 1.0
    figure = learning_curves_figure(records, "some run")
    figure.draw_without_rendering()
    assert figure.axes[1].get_yscale() == "linear"
    low, high = figure.axes[1].get_ylim()
    assert low <= 0 and high >= 20


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
@pytest.mark.parametrize("first", [0, 1])
def test_a_diverged_run_can_be_plotted(loss, first, tmp_path):
    records = history(2)
    for record in records[first:]:
        record.train_loss = record.validation_loss = loss
    figure = learning_curves_figure(records, "some run")
    save_figure(figure, tmp_path / "curves.png")
    low, high = figure.axes[0].get_ylim()
    assert first == 0 or (low < 0.5 and 0.6 < high < 1)


MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "PNG": b"\x89PNG"}


@pytest.mark.parametrize("suffix", MAGIC)
def test_saved_files_are_equal_byte_for_byte(suffix, tmp_path, monkeypatch):
    paths = [tmp_path / "new" / "folder" / f"{name}.{suffix}" for name in "ab"]
    for day, path in enumerate(paths, start=1):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(86400 * day))
        save_figure(learning_curves_figure(history(2), "some run"), path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith(MAGIC[suffix])
    assert matplotlib.__version__.encode() not in first
    assert sorted(paths[0].parent.iterdir()) == paths


def test_hatches_are_equal_byte_for_byte_too(tmp_path):
    few = Figure()
    for name in ("a.svg", "b.svg"):
        few.clear()
        show_rows_read(few.add_subplot(), IMAGE, 9)
        save_figure(few, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


class Interrupted(Figure):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def savefig(self, path, **_):
        path.write_bytes(b"half of")
        raise self.error


@pytest.mark.parametrize(
    ("error", "raised"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space left on device"), UserError)],
)
@pytest.mark.parametrize("before", [None, b"the old figure"])
def test_a_figure_is_written_completely_or_not_at_all(error, raised, before, tmp_path):
    path = tmp_path / "figure.png"
    if before:
        path.write_bytes(before)
    with pytest.raises(raised):
        save_figure(Interrupted(error), path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "figure.png.txt", "png"])
def test_unknown_suffix(name, tmp_path):
    with pytest.raises(UserError) as caught:
        save_figure(Figure(), tmp_path / "new" / name)
    assert str(tmp_path / "new" / name) in str(caught.value)
    assert ".png, .svg or .pdf" in str(caught.value)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("place", ["the parent is a file", "a folder has that name"])
def test_unwritable_path(place, tmp_path):
    path = tmp_path / "in_the_way" / "figure.png"
    if place == "the parent is a file":
        path.parent.write_text("a file")
    else:
        path.mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        save_figure(Figure(), path)
    assert str(path) in str(caught.value) and "choose another path" in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["in_the_way"]


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere"
)
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="figure.png"):
        save_figure(Figure(), tmp_path / "figure.png")


def test_show_without_a_display(monkeypatch):
    from matplotlib import pyplot

    monkeypatch.setattr(pyplot, "get_backend", lambda: "agg")
    with pytest.raises(UserError, match="--show"):
        show_figure(Figure())
    assert not pyplot.get_fignums()


def test_show_opens_the_figure_in_pyplot(monkeypatch):
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    monkeypatch.setattr(pyplot, "get_backend", lambda: "a backend with windows")
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gcf()))
    figure = Figure()
    show_figure(figure)
    assert shown == [figure]
    pyplot.close(figure)


def test_neither_pyplot_nor_tensorflow_is_imported():
    program = (
        "import sys, tf_lstm.plots.row_predictions, tf_lstm.plots.learning_curves; "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"matplotlib.pyplot", "tensorflow"} & set(done.stdout.split())
