import math

import numpy as np
import pytest

from tf_lstm.plots import statistics
from tf_lstm.plots.statistics import (
    THRESHOLDS,
    accuracy_by_row,
    calibration_error,
    commit_rows,
    count_rows,
    early_stopping,
    entropy,
    last_confused_rows,
    median_commit_row,
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
def counts(predictions):
    probabilities, labels = predictions
    return count_rows(lambda images: probabilities[images[:, 0, 0]], indices(IMAGES), labels)


def indices(count):
    """Images whose only pixel is their index."""
    return np.arange(count, dtype=np.uint8)[:, None, None]


def test_images_are_predicted_in_batches_and_the_remainder_too(predictions, counts, monkeypatch):
    monkeypatch.setattr(statistics, "BATCH_SIZE", 20)
    probabilities, labels = predictions
    sizes = []

    def predict(images):
        sizes.append(len(images))
        return probabilities[images[:, 0, 0]]

    again = count_rows(predict, indices(IMAGES), labels)
    assert sizes == [20, 20, 20, 20, 3]
    for name, value in vars(counts).items():
        assert np.allclose(getattr(again, name), value)


def test_accuracy_after_each_row_of_all_and_of_one_digit(predictions, counts):
    probabilities, labels = predictions
    correct, images = accuracy_by_row(counts)
    assert images == IMAGES
    of_three, threes = accuracy_by_row(counts, 3)
    assert threes == list(labels).count(3)
    for row in range(TIME_STEPS):
        hits = [label for p, label in zip(probabilities, labels, strict=True) if hit(p[row], label)]
        assert (correct[row], of_three[row]) == (len(hits), hits.count(3))


def hit(probabilities, label):
    return probabilities[label] == max(probabilities)


def test_wilson_interval_equals_published_values():
    # R: prop.test(8, 10, correct = FALSE), and the closed form at 0 of n: z² / (n + z²).
    assert np.allclose(wilson_interval(8, 10), (0.4901625, 0.9433178), atol=1e-6)
    low, high = wilson_interval(np.array([0, 50]), 50)
    assert np.allclose(low, (0, 1 - 3.841459 / 53.841459), atol=1e-7)
    assert np.allclose(high, (3.841459 / 53.841459, 1), atol=1e-7)
    assert all(math.isnan(bound) for bound in wilson_interval(np.array(0), np.array(0)))


def test_commit_rows_of_many_images():
    predicted = np.array([[4, 4, 4], [7, 4, 4], [4, 7, 4], [1, 2, 3]])
    assert commit_rows(predicted).tolist() == [1, 2, 3, 3]


def test_commit_rows_are_counted_under_their_label(predictions, counts):
    probabilities, labels = predictions
    expected = np.zeros((CLASSES, TIME_STEPS), int)
    for image, label in zip(probabilities, labels, strict=True):
        predicted = [row.argmax() for row in image]
        row = next(r for r in range(TIME_STEPS) if len(set(predicted[r:])) == 1)
        expected[label, row] += 1
    assert np.array_equal(counts.commits, expected)


@pytest.mark.parametrize(
    ("commits", "median"), [((0, 0, 5, 0), 3), ((5, 1, 4), 1), ((4, 1, 5), 2), ((0, 0), 0)]
)
def test_median_commit_row(commits, median):
    assert median_commit_row(np.array(commits)) == median


def test_early_stopping_reads_until_the_confidence_reaches_the_threshold(predictions, counts):
    mean_rows, accuracy = early_stopping(counts)
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


def test_calibration_error(predictions, counts):
    probabilities, labels = predictions
    for row in (0, 9, 27):
        bins = {}
        for image, label in zip(probabilities[:, row], labels, strict=True):
            place = min(int(max(image) * 15), 14)
            bins.setdefault(place, []).append((hit(image, label), max(image)))
        error = sum(abs(sum(h - c for h, c in members)) for members in bins.values()) / IMAGES
        assert calibration_error(counts)[row] == pytest.approx(error, abs=1e-6)


def test_a_perfectly_calibrated_network_has_no_calibration_error():
    probabilities = np.zeros((4, 2, 10), np.float32)
    probabilities[:, :, 6], probabilities[:, :, 1] = 0.75, 0.25
    counts = count_rows(lambda images: probabilities, indices(4), np.array([6, 6, 1, 6]))
    assert np.allclose(calibration_error(counts), 0)


def test_last_confused_rows():
    predicted = np.full((20, 5), 2)  # 20 images of a 2 and 5 rows
    predicted[:4, 0] = predicted[:2, 2] = 7  # 20 %, then 10 %
    predicted[:1, 4] = 7  # 5 %, too few
    probabilities = np.eye(10)[predicted]
    counts = count_rows(lambda images: probabilities, indices(20), np.full(20, 2))
    rows = last_confused_rows(counts, 0.1)
    assert rows[2, 7] == 3 and rows.sum() == 3
    assert last_confused_rows(counts, 0.2)[2, 7] == 1


def test_entropy_in_bits():
    distributions = np.array([[0.25] * 4, [1, 0, 0, 0], [0.5, 0.5, 0, 0]])
    assert np.allclose(entropy(distributions), [2, 0, 1])
