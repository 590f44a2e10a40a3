"""Row predictions and accuracy of a trained network."""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_lstm.model import RowClassifier

BATCH_SIZE = 500  # limits the memory; affects the results only for row order "shuffled"


@dataclass(frozen=True)
class Evaluation:
    """How well a set of images is classified after the last row."""

    loss: float  # mean cross-entropy, nats
    accuracy: float  # 0..1
    accuracy_per_class: tuple[float, ...]  # 0..1; nan for a class without images
    count: int  # images


def in_batches(
    predict: Callable[[np.ndarray], tf.Tensor], images: np.ndarray, batch_size: int = BATCH_SIZE
) -> np.ndarray:
    """`predict(batch)` for all images, several batches at a time, as one array.

    Raises:
        TypeError: the images are not uint8. Numbers in [0, 1] would silently become black images.
    """
    if images.dtype != np.uint8:
        raise TypeError(f"images must be uint8, 0 to 255, not {images.dtype}")
    batches = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
    threads = tf.config.threading.get_inter_op_parallelism_threads() or os.cpu_count()
    with ThreadPoolExecutor(threads) as pool:  # TensorFlow computes without holding the GIL
        return np.concatenate(list(pool.map(lambda batch: predict(batch).numpy(), batches)))


def row_predictions(model: RowClassifier, images: np.ndarray) -> np.ndarray:
    """Probabilities after every row of images (n, 28, 28) uint8.

    Returns:
        (n, time steps, classes) float32; each row's probabilities sum to 1.
    """
    return tf.nn.softmax(in_batches(model.row_logits, images)).numpy()


def evaluate(model: RowClassifier, images: np.ndarray, labels: np.ndarray) -> Evaluation:
    """Loss and accuracy after the last row, on images (n, 28, 28) uint8 with labels (n,)."""
    if not len(labels):
        return Evaluation(math.nan, math.nan, (math.nan,) * model.num_classes, 0)
    logits = in_batches(model.image_logits, images)  # (n, classes)
    correct = logits.argmax(axis=1) == labels
    by_class = [correct[labels == label] for label in range(model.num_classes)]
    return Evaluation(
        loss=float(np.mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))),
        accuracy=float(np.mean(correct)),
        accuracy_per_class=tuple(float(c.mean()) if len(c) else math.nan for c in by_class),
        count=len(labels),
    )
