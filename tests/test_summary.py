import csv

import numpy as np
import pytest

from tf_lstm.plots.statistics import row_statistics
from tf_lstm.plots.summary import row_summary_figure
from tf_lstm.plots.summary_tables import save_tables
from tf_lstm.results.records import Reference, add_result, reference_accuracies
from tf_lstm.terminal.errors import UserError


def statistics(seed, images=60):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(10, 0.3), (images, 28)).astype(np.float32)
    return row_statistics(probabilities, random.integers(10, size=images))


STATISTICS = {"one-run": statistics(1), "another": statistics(2)}


@pytest.fixture(scope="module")
def figure():
    return row_summary_figure(STATISTICS, "60 images", ["all_and_last", "last"])


def test_every_axis_is_labelled_and_the_effect_of_the_loss_is_explained(figure):
    figure.draw_without_rendering()
    titled = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert len(titled) == 6
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in titled)
    assert any("meaningless" in text.get_text() for text in figure.axes[0].texts)
    width, height = figure.bbox.size
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height


def test_accuracies_of_all_runs_are_plotted(figure):
    for line, (name, of_run) in zip(figure.axes[0].lines, STATISTICS.items(), strict=True):
        correct = np.trace(of_run.confusion, axis1=1, axis2=2)
        assert np.allclose(line.get_ydata(), 100 * correct / 60)
        assert line.get_label().startswith(f"{name}, loss after ")


def test_errors_are_plotted_on_a_log_scale(figure):
    accuracy, error, *_ = figure.axes
    assert (accuracy.get_yscale(), error.get_yscale()) == ("linear", "log")
    for of_accuracy, of_error in zip(accuracy.lines, error.lines, strict=True):
        np.testing.assert_allclose(of_accuracy.get_ydata() + of_error.get_ydata(), 100)


def test_a_reference_is_plotted_in_both_charts():
    reference = {7: [0.654], 28: [0.89, 0.9, 0.91]}
    figure = row_summary_figure(STATISTICS, "60 images", ["all_and_last", "last"], reference)
    markers = [bars.lines[0].get_xydata() for bars in figure.axes[0].containers]
    np.testing.assert_allclose(markers, [[[7, 65.4]], [[28, 90]]])
    ends = [bars.lines[2][0].get_segments()[0][:, 1] for bars in figure.axes[0].containers]
    np.testing.assert_allclose(ends, [[65.4, 65.4], [89, 91]])  # ± standard deviation
    markers = [bars.lines[0].get_xydata() for bars in figure.axes[1].containers]
    np.testing.assert_allclose(markers, [[[7, 34.6]], [[28, 10]]])


def test_the_reference_is_the_width_that_is_best_in_validation_with_the_first_seed(tmp_path):
    lines = [
        Reference("MNIST", 7, 8, 0, 12, 0.62, 0.61),
        Reference("MNIST", 7, 16, 0, 12, 0.66, 0.65),
        Reference("MNIST", 7, 16, 1, 12, 0.60, 0.64),
        Reference("MNIST", 7, 32, 0, 12, 0.65, 0.67),
        Reference("other", 7, 8, 0, 12, 0.90, 0.90),
        Reference("MNIST", 28, 8, 0, 12, float("nan"), 0.99),
    ]
    path = tmp_path / "reference.csv"
    for line in lines:
        add_result(path, line)
    assert reference_accuracies(path, "MNIST") == {7: [0.65, 0.64], 28: [0.99]}
    with pytest.raises(UserError, match="reference.csv .*third"):
        reference_accuracies(path, "third")


@pytest.mark.parametrize("text", [None, "rows\n7\n", "data,rows,test_accuracy\nMNIST,seven,0.6\n"])
def test_a_file_that_is_not_a_reference_is_named(text, tmp_path):
    path = tmp_path / "reference.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match="reference.csv"):
        reference_accuracies(path, "MNIST")


def test_a_single_kind_of_loss_is_not_explained():
    figure = row_summary_figure({"one-run": STATISTICS["one-run"]}, "60 images", ["all_and_last"])
    assert not any("meaningless" in text.get_text() for text in figure.axes[0].texts)


@pytest.mark.filterwarnings("error")
def test_few_images_and_missing_digits_can_be_plotted(tmp_path):
    of_one = {"run": statistics(3, images=1)}
    row_summary_figure(of_one, "1 image", ["all_and_last"]).draw_without_rendering()
    save_tables(of_one, tmp_path)


def test_tables_hold_the_values_of_the_figure(tmp_path):
    save_tables(STATISTICS, tmp_path / "new")
    tables = {}
    for path in (tmp_path / "new").iterdir():
        with open(path, newline="") as file:
            tables[path.stem] = list(csv.DictReader(file))
    assert set(tables) == set("accuracy commit_rows early_exit confusion calibration".split())
    for name, of_run in STATISTICS.items():
        rows = {key: [row for row in table if row["run"] == name] for key, table in tables.items()}
        of_all = [row for row in rows["accuracy"] if row["digit"] == "all"]
        correct = np.trace(of_run.confusion, axis1=1, axis2=2)
        assert [int(row["correct"]) for row in of_all] == correct.tolist()
        for row in of_all:
            assert 0 <= float(row["low"]) <= float(row["accuracy"]) < float(row["high"]) <= 1
        assert sum(int(row["images"]) for row in rows["commit_rows"]) == 60
        assert sum(int(row["images"]) for row in rows["confusion"]) == 60 * 28
        assert sum(int(row["images"]) for row in rows["calibration"]) == 60 * 28
