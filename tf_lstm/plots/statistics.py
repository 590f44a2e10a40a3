"""Statistics of row predictions over many images: commit rows, accuracy, confidence. NumPy only.

All statistics are sums over images, so images can be predicted in batches, in bounded memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

BATCH_SIZE = 2000  # images
BINS = 15  # bins of the confidence, equally wide, for the calibration
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)  # of the confidence
NORMAL_QUANTILE = 1.959964  # a normal variable is within this many sd with probability 95 %


@dataclass(frozen=True)
class RowCounts:
    """Counts of images by row. The counts of two sets of images can be added.

    The predicted class has the largest probability, which is the confidence. The commit row is the
    row from which the predicted class never changes again.
    """

    confusion: np.ndarray  # (time steps, classes, classes): row, label, predicted class
    commits: np.ndarray  # (classes, time steps): label, commit row
    stops: np.ndarray  # (thresholds, time steps): first row that reaches the threshold, or the last
    correct_stops: np.ndarray  # (thresholds,): predicted class correct at that row
    bins: np.ndarray  # (time steps, BINS): row, bin of the confidence
    correct_bins: np.ndarray  # (time steps, BINS): predicted class correct
    confidence_bins: np.ndarray  # (time steps, BINS): sum of the confidences

    def __add__(self, other: "RowCounts") -> "RowCounts":
        names = [field.name for field in fields(self)]
        return RowCounts(*(getattr(self, name) + getattr(other, name) for name in names))

    @property
    def images(self) -> int:
        """The number of images."""
        return int(self.commits.sum())


def commit_rows(predicted: np.ndarray) -> np.ndarray:
    """The commit row of each image, 1 to time steps.

    Args:
        predicted: (n, time steps) integers, the predicted class after each row.

    Returns:
        (n,) integers.
    """
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


def count_rows(
    predict: Callable[[np.ndarray], np.ndarray], images: np.ndarray, labels: np.ndarray
) -> RowCounts:
    """Predict all images in batches, and count the results.

    Args:
        predict: maps images (n, 28, 28) uint8 to row predictions (n, time steps, classes).
        images: (n, 28, 28) uint8; at least one.
        labels: (n,) integers.
    """
    starts = range(0, len(labels), BATCH_SIZE)
    batches = (slice(start, start + BATCH_SIZE) for start in starts)
    counts = (_count_batch(predict(images[batch]), labels[batch]) for batch in batches)
    return sum(counts, start=next(counts))


def _count_batch(probabilities: np.ndarray, labels: np.ndarray) -> RowCounts:
    _, time_steps, classes = probabilities.shape
    predicted, confidence = probabilities.argmax(axis=2), probabilities.max(axis=2)
    correct = predicted == labels[:, None]  # (n, time steps), as the two above
    steps = np.arange(time_steps)

    reached = confidence[None] >= np.array(THRESHOLDS)[:, None, None]  # (thresholds, n, time steps)
    reached[:, :, -1] = True  # an image that never reaches the threshold stops at the last row
    stops = reached.argmax(axis=2)  # (thresholds, n)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return RowCounts(
        confusion=_count((time_steps, classes, classes), steps, labels[:, None], predicted),
        commits=_count((classes, time_steps), labels, commit_rows(predicted) - 1),
        stops=_count((len(THRESHOLDS), time_steps), np.arange(len(THRESHOLDS))[:, None], stops),
        correct_stops=correct[np.arange(len(labels)), stops].sum(axis=1),
        bins=_count((time_steps, BINS), steps, bins),
        correct_bins=_count((time_steps, BINS), steps, bins, weights=correct),
        confidence_bins=_count((time_steps, BINS), steps, bins, weights=confidence),
    )


def _count(
    shape: tuple[int, ...], *indices: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """An array of `shape` that counts each index, or sums its weights."""
    flat = np.ravel_multi_index(np.broadcast_arrays(*indices), shape).ravel()
    weights = None if weights is None else weights.ravel()
    return np.bincount(flat, weights, minlength=np.prod(shape)).reshape(shape)


def wilson_interval(
    correct: int | np.ndarray, images: int | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % confidence interval of a proportion (Wilson 1927), within 0 and 1.

    Args:
        correct: the number of correct images.
        images: the number of images; 0 gives nan.

    Returns:
        The lower and the upper bound.
    """
    images = np.where(np.equal(images, 0), np.nan, images)
    share, spread = correct / images, NORMAL_QUANTILE**2 / images
    middle = (share + spread / 2) / (1 + spread)
    half = np.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)


def accuracy_by_row(counts: RowCounts, digit: int | None = None) -> tuple[np.ndarray, int]:
    """Count the correct images after each row, for all digits or for one.

    Returns:
        The number of correct images after each row, (time steps,), and the number of images.
    """
    correct = np.diagonal(counts.confusion, axis1=1, axis2=2)  # (time steps, classes)
    images = counts.commits.sum(axis=1)  # (classes,)
    if digit is None:
        return correct.sum(axis=1), int(images.sum())
    return correct[:, digit], int(images[digit])


def median_commit_row(commits: np.ndarray) -> int:
    """The first row by which half of the images have committed; 0 if there are no images.

    Args:
        commits: (time steps,), the number of images with each commit row.
    """
    return int(np.searchsorted(np.cumsum(commits), commits.sum() / 2) + 1) if commits.any() else 0


def early_stopping(counts: RowCounts) -> tuple[np.ndarray, np.ndarray]:
    """The effect of stopping as soon as the confidence reaches each of `THRESHOLDS`.

    Returns:
        The mean number of rows read, and the accuracy, (thresholds,) each.
    """
    rows = np.arange(1, counts.stops.shape[1] + 1)
    return counts.stops @ rows / counts.images, counts.correct_stops / counts.images


def calibration_error(counts: RowCounts) -> np.ndarray:
    """The expected calibration error after each row, (time steps,), 0 to 1.

    It is the absolute difference between the confidence and the accuracy of each bin, averaged over
    the images.
    """
    return np.abs(counts.correct_bins - counts.confidence_bins).sum(axis=1) / counts.images


def last_confused_rows(counts: RowCounts, share: float) -> np.ndarray:
    """The last row after which at least `share` of a digit's images have another predicted class.

    Returns:
        (classes, classes) integers, label by predicted class; 0 where no row has that large a
        share, and on the diagonal.
    """
    images = np.maximum(counts.commits.sum(axis=1), 1)[:, None]
    often = counts.confusion >= np.maximum(share * images, 1)
    last = len(often) - np.argmax(often[::-1], axis=0)
    return np.where(often.any(axis=0) & ~np.eye(often.shape[1], dtype=bool), last, 0)
