"""What a trained network makes of images that it was not trained on."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_lstm.model import NUM_CLASSES
from tf_lstm.startup import cores

BATCH_SIZE = 500  # images at a time: bounds the memory; only `shuffled` orders depend on it


@dataclass(frozen=True)
class Evaluation:
    """How well a set of images is classified after the last row."""

    loss: float  # mean cross-entropy, nats
    accuracy: float  # 0..1
    accuracy_per_digit: tuple[float, ...]  # of the images of each digit, 0..1; nan where none is
    count: int  # images


def in_batches(read, images):
    """`read(batch)` for batch after batch of `images`, side by side, as one array."""
    batches = [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]
    with ThreadPoolExecutor(cores()) as pool:  # TensorFlow computes outside Python's lock
        return np.concatenate(list(pool.map(lambda batch: read(batch).numpy(), batches)))


def row_predictions(model, images):
    """Probabilities after every row, for any number of images.

    Args:
        model: a `RowClassifier`.
        images: (n, 28, 28) uint8.

    Returns:
        (n, time steps, classes) float32 array; each row sums to 1.
    """
    return tf.nn.softmax(in_batches(model.read_images, images)).numpy()


def evaluate(model, images, labels):
    """Classify all of `images` (n, 28, 28) uint8 by the last row's logits, and compare."""
    if not len(labels):
        return Evaluation(math.nan, math.nan, (math.nan,) * NUM_CLASSES, 0)
    logits = in_batches(model.classify, images)  # (n, classes)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    correct = logits.argmax(axis=1) == labels
    per_digit = (correct[labels == digit] for digit in range(NUM_CLASSES))
    return Evaluation(
        loss=float(np.mean(losses)),
        accuracy=float(np.mean(correct)),
        accuracy_per_digit=tuple(float(c.mean()) if len(c) else float("nan") for c in per_digit),
        count=len(labels),
    )
