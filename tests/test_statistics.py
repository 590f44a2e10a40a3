import numpy as np
import pytest

from tf_lstm.plots.statistics import (
    THRESHOLDS,
    commit_rows,
    entropy,
    median_commit_row,
    row_statistics,
    wilson_interval,
)

IMAGES, TIME_STEPS, CLASSES = 83, 28, 10


@pytest.fixture(scope="module")
def predictions():
    random = np.random.default_rng(3)
    sharpness = np.linspace(0.05, 1, TIME_STEPS)[:, None]
    scores = random.gumbel(size=(IMAGES, TIME_STEPS, CLASSES)) * 3
    scores = np.cumsum(scores, axis=1) * sharpness
    exponentials = np.exp(scores - scores.max(axis=2, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=2, keepdims=True)
    labels = random.integers(CLASSES, size=IMAGES)
    probabilities[:40, -1] = np.eye(CLASSES)[
        labels[:40]
    ]  # a confidence of exactly 1 is the edge of a bin
    return probabilities.astype(np.float32), labels


@pytest.fixture(scope="module")
def statistics(predictions):
    return row_statistics(*predictions)


def test_accuracy_after_each_row_of_all_and_of_one_digit(predictions, statistics):
    probabilities, labels = predictions
    correct, images = statistics.accuracy_by_row()
    assert images == IMAGES
    of_three, threes = statistics.accuracy_by_row(3)
    assert threes == list(labels).count(3)
    for row in range(TIME_STEPS):
        hits = [label for p, label in zip(probabilities, labels, strict=True) if hit(p[row], label)]
        assert (correct[row], of_three[row]) == (len(hits), hits.count(3))


def hit(probabilities, label):
    return probabilities[label] == max(probabilities)


def test_wilson_interval_equals_published_values():
    # R: prop.test(8, 10, correct = FALSE), and the closed form at 0 of n: z² / (n + z²).
    assert np.allclose(wilson_interval(8, 10), (0.8, 0.4901625, 0.9433178), atol=1e-6)
    accuracy, low, high = wilson_interval(np.array([0, 50]), 50)
    assert accuracy.tolist() == [0, 1]
    assert np.allclose(low, (0, 1 - 3.841459 / 53.841459), atol=1e-7)
    assert np.allclose(high, (3.841459 / 53.841459, 1), atol=1e-7)
    assert np.isnan(wilson_interval(np.array(0), np.array(0))).all()


def test_commit_rows_of_many_images():
    predicted = np.array([[4, 4, 4], [7, 4, 4], [4, 7, 4], [1, 2, 3]])
    assert commit_rows(predicted).tolist() == [1, 2, 3, 3]


def test_commit_rows_are_counted_under_their_label(predictions, statistics):
    probabilities, labels = predictions
    expected = np.zeros((CLASSES, TIME_STEPS), int)
    for image, label in zip(probabilities, labels, strict=True):
        predicted = [row.argmax() for row in image]
        row = next(r for r in range(TIME_STEPS) if len(set(predicted[r:])) == 1)
        expected[label, row] += 1
    assert np.array_equal(statistics.commits, expected)


@pytest.mark.parametrize(
    ("commits", "median"), [((0, 0, 5, 0), 3), ((5, 1, 4), 1), ((4, 1, 5), 2), ((0, 0), np.nan)]
)
def test_median_commit_row(commits, median):
    np.testing.assert_equal(median_commit_row(np.array(commits)), median)


def test_early_exit_reads_until_the_confidence_reaches_the_threshold(predictions, statistics):
    mean_rows, accuracy = statistics.exit_rows, statistics.exit_accuracy
    for place, threshold in enumerate(THRESHOLDS):
        rows, hits = [], []
        for image, label in zip(*predictions, strict=True):
            row = 0
            while row < TIME_STEPS - 1 and max(image[row]) < threshold:
                row += 1
            rows.append(row + 1)
            hits.append(hit(image[row], label))
        assert mean_rows[place] == pytest.approx(np.mean(rows))
        assert accuracy[place] == pytest.approx(np.mean(hits))
    assert 1 < mean_rows[0] < mean_rows[-1]


def test_calibration_error(predictions, statistics):
    probabilities, labels = predictions
    for row in (0, 9, 27):
        bins = {}
        for image, label in zip(probabilities[:, row], labels, strict=True):
            place = min(int(max(image) * 15), 14)
            bins.setdefault(place, []).append((hit(image, label), max(image)))
        error = sum(abs(sum(h - c for h, c in members)) for members in bins.values()) / IMAGES
        assert statistics.calibration_error()[row] == pytest.approx(error, abs=1e-6)


def test_a_perfectly_calibrated_network_has_no_calibration_error():
    probabilities = np.zeros((4, 2, 10), np.float32)
    probabilities[:, :, 6], probabilities[:, :, 1] = 0.75, 0.25
    statistics = row_statistics(probabilities, np.array([6, 6, 1, 6]))
    assert np.allclose(statistics.calibration_error(), 0)


def test_last_confused_rows():
    predicted = np.full((20, 5), 2)  # 20 images of a 2 and 5 rows
    predicted[:4, 0] = predicted[:2, 2] = 7  # 20 %, then 10 %
    predicted[:1, 4] = 7  # 5 %, too few
    probabilities = np.eye(10)[predicted]
    statistics = row_statistics(probabilities, np.full(20, 2))
    rows = statistics.last_confused_rows(0.1)
    assert rows[2, 7] == 3 and rows.sum() == 3
    assert statistics.last_confused_rows(0.2)[2, 7] == 1


def test_entropy_in_bits():
    distributions = np.array([[0.25] * 4, [1, 0, 0, 0], [0.5, 0.5, 0, 0]])
    assert np.allclose(entropy(distributions), [2, 0, 1])
