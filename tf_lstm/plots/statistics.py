"""Statistics of row predictions over many images: accuracy, commit rows, confidence. NumPy only."""

from typing import NamedTuple

import numpy as np

BINS = 15  # bins of the confidence, equally wide, for the calibration
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)  # of the confidence
NORMAL_QUANTILE = 1.959964  # a normal variable is within this many sd with probability 95 %


class RowStatistics(NamedTuple):
    """Numbers of images and means, by row.

    The predicted class has the largest probability, which is the confidence. The commit row is the
    row from which the predicted class never changes again.
    """

    confusion: np.ndarray  # (time steps, classes, classes): images by row, label, predicted class
    commits: np.ndarray  # (classes, time steps): images by label, commit row
    exit_rows: np.ndarray  # (thresholds,): mean rows read until the confidence reaches a threshold
    exit_accuracy: np.ndarray  # (thresholds,): accuracy there, 0 to 1
    # (3, time steps, BINS): images, sum of confidences, correct images; by row, bin of confidence
    calibration: np.ndarray

    def accuracy_by_row(self, digit: int | None = None) -> tuple[np.ndarray, int]:
        """The correct images after each row, (time steps,), and the number of images."""
        digits = slice(None) if digit is None else [digit]
        correct = np.diagonal(self.confusion, axis1=1, axis2=2)  # (time steps, classes)
        return correct[:, digits].sum(axis=1), int(self.commits[digits].sum())

    def calibration_error(self) -> np.ndarray:
        """The expected calibration error after each row, (time steps,), 0 to 1.

        It is the mean over the images of |confidence - accuracy| of their bin.
        """
        images, confidence, correct = self.calibration
        return np.abs(correct - confidence).sum(axis=1) / images.sum(axis=1)

    def last_confused_rows(self, share: float) -> np.ndarray:
        """For each label and wrong class, the last row after which they are often confused.

        Often means that at least `share` of the label's images are predicted as that class.

        Returns:
            (classes, classes) integers, label by predicted class; 0 where no row has that large a
            share, and on the diagonal.
        """
        images = np.maximum(self.commits.sum(axis=1), 1)[:, None]
        often = self.confusion >= np.maximum(share * images, 1)
        last = len(often) - np.argmax(often[::-1], axis=0)
        return np.where(often.any(axis=0) & ~np.eye(often.shape[1], dtype=bool), last, 0)


def row_statistics(probabilities: np.ndarray, labels: np.ndarray) -> RowStatistics:
    """The statistics of row predictions (n, time steps, classes) of n > 0 images."""
    images, time_steps, classes = probabilities.shape
    predicted, confidence = probabilities.argmax(axis=2), probabilities.max(axis=2)
    correct = predicted == labels[:, None]  # (n, time steps), as the two above
    rows = np.arange(time_steps)

    confusion = np.zeros((time_steps, classes, classes), int)
    np.add.at(confusion, (rows, labels[:, None], predicted), 1)
    commits = np.zeros((classes, time_steps), int)
    np.add.at(commits, (labels, commit_rows(predicted) - 1), 1)

    exits = []
    for threshold in THRESHOLDS:
        reached = confidence >= threshold
        reached[:, -1] = True  # an image that never reaches the threshold exits at the last row
        exit_row = reached.argmax(axis=1)  # (n,), from 0
        exits.append((1 + exit_row.mean(), correct[np.arange(images), exit_row].mean()))

    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    calibration = np.zeros((3, time_steps, BINS))
    for sums, values in zip(calibration, (1, confidence, correct), strict=True):
        np.add.at(sums, (rows, bins), values)
    exit_rows, exit_accuracy = np.transpose(exits)
    return RowStatistics(confusion, commits, exit_rows, exit_accuracy, calibration)


def commit_rows(predicted: np.ndarray) -> np.ndarray:
    """The commit rows (n,), from 1, of the classes (n, time steps) predicted after each row."""
    differs = predicted != predicted[:, -1:]
    rows_since = np.argmax(differs[:, ::-1], axis=1)  # rows after the last one that differs
    return np.where(differs.any(axis=1), predicted.shape[1] + 1 - rows_since, 1)


def commit_row(probabilities: np.ndarray) -> int:
    """The commit row of one image's probabilities (time steps, classes)."""
    return int(commit_rows(np.argmax(probabilities, axis=-1)[None])[0])


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """The entropy in bits of distributions over the last axis."""
    logarithms = np.log2(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    return -np.sum(probabilities * logarithms, axis=-1)


def wilson_interval(
    correct: int | np.ndarray, images: int | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An accuracy, and the bounds of its 95 % confidence interval (Wilson 1927).

    All are nan if there are no images.
    """
    images = np.where(np.equal(images, 0), np.nan, images)
    share, spread = correct / images, NORMAL_QUANTILE**2 / images
    middle = (share + spread / 2) / (1 + spread)
    half = np.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return share, np.maximum(middle - half, 0), np.minimum(middle + half, 1)


def median_commit_row(commits: np.ndarray) -> float:
    """The first row by which half of the images have committed, from their number at each row."""
    half = np.searchsorted(np.cumsum(commits), commits.sum() / 2) + 1
    return float(half) if commits.any() else np.nan
