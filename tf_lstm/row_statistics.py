"""When, how well and how surely a network makes up its mind: counts over many images. NumPy only.

Everything is a sum over images, so any number of them is read in batches, in bounded memory.
"""

from dataclasses import dataclass, fields

import numpy as np

BATCH_SIZE = 2000  # images at a time
BINS = 15  # of equal width, of the confidence, for the calibration
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
NORMAL_QUANTILE = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


@dataclass(frozen=True)
class RowCounts:
    """How many images did what, and after which row; counts of two sets of images can be added.

    The leading class is the one with the largest probability, which is called the confidence.
    """

    confusion: np.ndarray  # (time steps, classes, classes): row, label, leading class
    commits: np.ndarray  # (classes, time steps): label, commit row
    stops: np.ndarray  # (thresholds, time steps): first row with so much confidence, or the last
    right_stops: np.ndarray  # (thresholds,): those whose leading class there is the label
    bins: np.ndarray  # (time steps, BINS): images with such a confidence
    right_bins: np.ndarray  # (time steps, BINS): those whose leading class is the label
    confidence_bins: np.ndarray  # (time steps, BINS): sum of their confidence

    def __add__(self, other):
        names = [field.name for field in fields(self)]
        return RowCounts(*(getattr(self, name) + getattr(other, name) for name in names))

    @property
    def images(self):
        """How many images were counted."""
        return int(self.commits.sum())


def commit_rows(leading):
    """The row, 1 to time steps, from which each image's leading class never changes again.

    leading: (n, time steps) integers. Returns (n,) integers.
    """
    different = leading != leading[:, -1:]
    rows_since = np.argmax(different[:, ::-1], axis=1)  # the last one that differs, from the end
    return np.where(different.any(axis=1), leading.shape[1] + 1 - rows_since, 1)


def commit_row(probabilities):
    """The same for one image's probabilities, (time steps, classes)."""
    return int(commit_rows(np.argmax(probabilities, axis=-1)[None])[0])


def entropy(probabilities):
    """How undecided a distribution over the last axis is, in bits: 0 for a certain one."""
    logarithms = np.log2(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    return -np.sum(probabilities * logarithms, axis=-1)


def count_rows(read, images, labels):
    """Read all images in batches, and count.

    Args:
        read: turns images (n, 28, 28) uint8 into row predictions, (n, time steps, classes).
        images, labels: (n, 28, 28) uint8 and (n,) integers; at least one.
    """
    starts = range(0, len(labels), BATCH_SIZE)
    batches = (slice(start, start + BATCH_SIZE) for start in starts)
    counts = (count_batch(read(images[batch]), labels[batch]) for batch in batches)
    return sum(counts, start=next(counts))


def count_batch(probabilities, labels):
    """The `RowCounts` of row predictions (n, time steps, classes) and labels (n,)."""
    _, time_steps, classes = probabilities.shape
    leading, confidence = probabilities.argmax(axis=2), probabilities.max(axis=2)
    right = leading == labels[:, None]  # (n, time steps), like the two
    steps = np.arange(time_steps)

    sure = confidence[None] >= np.array(THRESHOLDS)[:, None, None]  # (thresholds, n, time steps)
    sure[:, :, -1] = True  # whoever is never sure stops at the last row
    stops = sure.argmax(axis=2)  # (thresholds, n)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return RowCounts(
        confusion=count((time_steps, classes, classes), steps, labels[:, None], leading),
        commits=count((classes, time_steps), labels, commit_rows(leading) - 1),
        stops=count((len(THRESHOLDS), time_steps), np.arange(len(THRESHOLDS))[:, None], stops),
        right_stops=right[np.arange(len(labels)), stops].sum(axis=1),
        bins=count((time_steps, BINS), steps, bins),
        right_bins=count((time_steps, BINS), steps, bins, weights=right),
        confidence_bins=count((time_steps, BINS), steps, bins, weights=confidence),
    )


def count(shape, *indices, weights=None):
    """How often, or with what weight in all, each place of an array of `shape` is named."""
    places = np.ravel_multi_index(np.broadcast_arrays(*indices), shape).ravel()
    weights = None if weights is None else weights.ravel()
    return np.bincount(places, weights, minlength=np.prod(shape)).reshape(shape)


def wilson_interval(right, images):
    """The 95 % confidence interval of a share, (low, high); it stays within 0 and 1.

    right, images: numbers, or arrays of them. Wilson 1927; nan where there is no image.
    """
    images = np.where(np.equal(images, 0), np.nan, images)
    share, spread = right / images, NORMAL_QUANTILE**2 / images
    middle = (share + spread / 2) / (1 + spread)
    half = np.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)


def accuracy_by_row(counts, digit=None):
    """How many images are right after each row: of all, or those of one digit.

    Returns:
        A list of each row's right images, (time steps,), and the number of images.
    """
    right = np.diagonal(counts.confusion, axis1=1, axis2=2)  # (time steps, classes)
    images = counts.commits.sum(axis=1)  # (classes,)
    if digit is None:
        return right.sum(axis=1), int(images.sum())
    return right[:, digit], int(images[digit])


def median_commit_row(commits):
    """The first row by which half of the images have committed themselves; commits: (time steps,).

    Returns 0 where there is no image.
    """
    return int(np.searchsorted(np.cumsum(commits), commits.sum() / 2) + 1) if commits.any() else 0


def early_stopping(counts):
    """What it brings to stop as soon as the confidence reaches each of `THRESHOLDS`.

    Returns:
        The mean number of rows read, and the accuracy, (thresholds,) each.
    """
    rows = np.arange(1, counts.stops.shape[1] + 1)
    return counts.stops @ rows / counts.images, counts.right_stops / counts.images


def calibration_error(counts):
    """The expected calibration error after each row, (time steps,), 0..1.

    It is the mean over images of how far the confidence of their bin is from its accuracy.
    """
    return np.abs(counts.right_bins - counts.confidence_bins).sum(axis=1) / counts.images


def last_confused_rows(counts, share):
    """Until when each digit is taken for each other one.

    Returns (classes, classes) integers, label by leading class: the last row after which at least
    `share` of the digit's images are so taken; 0 where there is no such row, or on the diagonal.
    """
    images = np.maximum(counts.commits.sum(axis=1), 1)[:, None]
    often = counts.confusion >= np.maximum(share * images, 1)
    last = len(often) - np.argmax(often[::-1], axis=0)
    return np.where(often.any(axis=0) & ~np.eye(often.shape[1], dtype=bool), last, 0)
