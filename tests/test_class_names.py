"""Data whose classes have names: the names replace the digits everywhere."""

import re
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from saved_runs import write_digits

from tf_lstm.data.class_names import DIGITS
from tf_lstm.data.dataset import load_dataset
from tf_lstm.data.synthetic import render_digits
from tf_lstm.plots.animation import plot_frame, save_animation
from tf_lstm.plots.depth import row_depth_figure
from tf_lstm.plots.row_predictions import Prediction, row_predictions_figure
from tf_lstm.plots.statistics import row_statistics
from tf_lstm.plots.style import save_figure, shorten
from tf_lstm.plots.summary import row_summary_figure
from tf_lstm.runs.locate import open_run
from tf_lstm.runs.training import train_run
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.progress import describe_classes

NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
         "A bag with a handle", "X")  # fmt: skip
SHORT = [name if len(name) <= 12 else f"{name[:11]}…" for name in NAMES]
LABEL = 4
IMAGES, LABELS = render_digits(30, seed=3)
PROBABILITIES = np.random.default_rng(1).dirichlet(np.full(10, 0.5), (30, 28)).astype(np.float32)
PROBABILITIES[0, 19] = np.eye(10)[3]
PROBABILITIES[0, 20:] = np.eye(10)[8] * 0.9 + 0.01  # commits to the longest name
PREDICTION = Prediction(IMAGES[0], LABEL, PROBABILITIES[0], "a title", NAMES)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "classes.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    return write_digits(tmp_path / "clothes.npz", 120)


def test_the_names_are_read_from_classes_txt_beside_the_file(data):
    assert load_dataset(data).class_names == NAMES


def test_without_that_file_the_digits_are_the_names(tmp_path):
    assert load_dataset(write_digits(tmp_path / "digits.npz", 120)).class_names == DIGITS


def test_a_class_may_have_a_name_and_no_images(data):
    with open(data.parent / "classes.txt", "a", encoding="utf-8") as file:
        file.write("one more\n")
    assert load_dataset(data).class_names == (*NAMES, "one more")


def test_blank_lines_at_the_end_are_ignored(data):
    with open(data.parent / "classes.txt", "a", encoding="utf-8") as file:
        file.write("\n\n")
    assert load_dataset(data).class_names == NAMES


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(NAMES[:9]),
        "\n".join(["", *NAMES[:9]]),
        "\n".join([*NAMES[:9], NAMES[0]]),
        "\n".join([*NAMES[:9], "x" * 21]),
        "\n".join([*NAMES[:9], "$a$"]),
        "\n".join([*NAMES[:9], "tab\tin it"]),
        b"\xff\xfe\x00",
    ],
)
def test_a_wrong_file_is_named_in_one_sentence(content, data):
    content = content if isinstance(content, bytes) else content.encode()
    (data.parent / "classes.txt").write_bytes(content)
    with pytest.raises(UserError, match=r"classes\.txt .*correct or delete it\.$") as report:
        load_dataset(data)
    assert "\n" not in str(report.value)


def texts_of(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))


def assert_all_within(figure):
    """All axes lie within the figure, and names of an axis overlap by less than their margins."""
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert -1 <= box.x0 and box.x1 <= width + 1 and -1 <= box.y0 and box.y1 <= height + 1
        for axis in (axes.xaxis, axes.yaxis):
            labels = axis.get_ticklabels()
            if [label.get_text() for label in labels] == SHORT:
                side = "x" if axis is axes.xaxis else "y"
                extents = [label.get_window_extent() for label in labels]
                extents.sort(key=lambda box: getattr(box, f"{side}0"))
                for one, next_one in pairwise(extents):
                    assert getattr(one, f"{side}1") <= getattr(next_one, f"{side}0") + 3


def count_named_axes(figure):
    axis_of = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    return sum([t.get_text() for t in axis.get_ticklabels()] == SHORT for axis in axis_of)


def test_the_grid_names_every_class_below_every_panel_legibly():
    figure = row_predictions_figure(PREDICTION)
    assert_all_within(figure)
    assert count_named_axes(figure) == 28
    assert "Label Coat. From row 21 (the commit row) on" in texts_of(figure)
    assert "the predicted class is A bag with a handle (wrong)" in texts_of(figure)
    assert "true class, Coat" in texts_of(figure)
    boxes = {axes.get_label(): axes for axes in figure.axes}
    for row in range(1, 25):  # the title of a panel is below the names of the panel above it
        title = boxes[f"row {row + 4}"].title.get_window_extent()
        names = [t.get_window_extent() for t in boxes[f"row {row}"].get_xticklabels()]
        assert title.y1 <= min(name.y0 for name in names)
        assert t_size(boxes[f"row {row}"]) >= 7


def t_size(axes):
    return min(label.get_fontsize() for label in axes.get_xticklabels())


def test_depth_and_animation_have_the_names():
    depth = row_depth_figure(PREDICTION)
    frame = Figure(figsize=(8.5, 4.2))
    plot_frame(frame, PREDICTION, 21)
    for figure in (depth, frame):
        assert_all_within(figure)
        assert count_named_axes(figure) == 1
        assert not re.search(r"\bdigit\b", texts_of(figure))


WIDE = ("LONG SLEEVED SWEATER", *(f"{label} with long sleeves"[:20] for label in range(9)))


def test_the_longest_names_fit():
    prediction = Prediction(IMAGES[0], 0, PROBABILITIES[0], "a title", WIDE)
    frame = Figure(figsize=(8.5, 4.2))
    plot_frame(frame, prediction, 21)
    for figure in (row_predictions_figure(prediction), row_depth_figure(prediction), frame):
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.texts]
        boxes += [legend.get_window_extent() for legend in figure.legends]
        boxes += [axes.get_tightbbox() for axes in figure.axes]
        assert all(-1 <= box.x0 and box.x1 <= figure.bbox.width for box in boxes)
        assert all(-1 <= box.y0 for box in boxes)


@pytest.mark.parametrize(
    "name, shown",
    [
        ("long sleeves", "long sleeves"),
        ("LONG SLEEVES", "LONG SLE…"),
        ("上衣裤子套衫", "上衣裤子套衫"),
        ("上衣裤子套衫连裙", "上衣裤子套衫…"),
    ],
)
def test_names_are_shortened_by_their_width(name, shown):
    assert shorten(name) == shown


@pytest.mark.filterwarnings("error")
@pytest.mark.slow
def test_characters_that_the_font_lacks_are_reported_in_one_sentence(tmp_path, capsys):
    names = ("上衣", "裤子", *NAMES[2:])
    prediction = Prediction(IMAGES[0], LABEL, PROBABILITIES[0], "a title", names)
    save_figure(row_predictions_figure(prediction), tmp_path / "figure.png")
    save_animation(prediction, tmp_path / "figure.gif")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(set("上衣裤子") <= set(line) for line in lines)


def test_the_summary_has_the_names():
    statistics = row_statistics(PROBABILITIES, LABELS)
    figure = row_summary_figure({"run": statistics}, "a title", ["all_and_last"], class_names=NAMES)
    assert_all_within(figure)
    assert count_named_axes(figure) == 3  # commit rows, both axes of the confusion
    assert set(NAMES) <= {text.get_text() for axes in figure.axes for text in axes.texts}
    assert not re.search(r"\bdigits?\b", texts_of(figure))


def test_accuracies_are_printed_with_names_of_any_length():
    table = describe_classes([0.5] * 9 + [float("nan")], NAMES)
    assert len(table.splitlines()) == 10 and "A bag with a handle   50.00%" in table
    assert describe_classes([0.25] * 10, DIGITS).splitlines()[0].split() == ["class", *DIGITS]


def test_a_run_remembers_the_names_and_the_scripts_use_them(
    data, runs_folder, tmp_path, monkeypatch, capsys
):
    import runpy

    dataset = load_dataset(data)
    train_run(dataset, Recipe(units=5, epochs=1), quiet=True)
    assert open_run().settings.data.class_names == NAMES
    script = Path(__file__).resolve().parents[1] / "scripts" / "plot_row_predictions.py"
    for flags in (["--digit", "8"], ["--summary"]):
        output = tmp_path / f"figure{len(flags)}.svg"
        monkeypatch.setattr(sys, "argv", [str(script), *flags, "--output", str(output)])
        runpy.run_path(str(script), run_name="__main__")
        assert output.exists()
