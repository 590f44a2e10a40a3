"""Synthetic digits that resemble handwriting, in MNIST's format, for use without MNIST.

Each image takes one of the shapes in which people write its digit, moves its control points at
random, stretches, slants, rotates and warps it, fits it into MNIST's box, and draws it with a pen
of random width. No pixel comes from MNIST. The shapes and the numbers below were chosen by how well
networks trained on such digits classify MNIST's training images.
"""

import contextlib
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tf_lstm.data.download import cached, save
from tf_lstm.data.files import SIZE, Arrays
from tf_lstm.data.strokes import SHAPES

TRAIN, TEST = (60_000, 0), (10_000, 1)  # number of digits, seed
NAMES = ("x_train", "y_train", "x_test", "y_test")  # in the file that keeps them
BOX = 20  # pixels; a digit is fitted into a square of this size, as in MNIST
COLUMN_WIDTH = 0.75  # of the grid of the control points; its rows have height 1
PEN_WIDTH = 2.6  # pixels
THICKENING = 0.2  # exponent; see `render_shape`
SLANT = 0.15  # columns to the right per row upwards
CHUNK = 250  # images rendered at once: few enough for the processor's cache

# Standard deviations of what is sampled for each image.
JITTER = 0.55  # rows, of each control point
LOG_WIDTH = 0.22  # natural logarithm of the horizontal scaling
SLANT_DEVIATION = 0.22
ROTATION = 0.08  # radians
WARP = 0.5  # rows, of the longest waves
LOG_PEN_WIDTH = 0.3  # natural logarithm
SHIFT = 0.3  # pixels


def synthetic_digits() -> Arrays:
    """The training and the test digits. They are rendered once, and kept beside MNIST's download.

    A file there that is damaged, or from another version of this code, is replaced.
    """
    path = cached("synthetic_digits.npz")
    code = hashlib.sha256()
    for file in (__file__, Path(__file__).with_name("strokes.py")):
        code.update(Path(file).read_bytes())
    # Without a file that can be used, the digits are rendered; reading verifies the archive's CRCs.
    unusable = (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile)
    with contextlib.suppress(*unusable), np.load(path) as archive:
        if archive["code"] == code.hexdigest():
            train_images, train_labels, test_images, test_labels = (archive[n] for n in NAMES)
            return train_images, train_labels, test_images, test_labels
    digits = (*render_digits(*TRAIN), *render_digits(*TEST))
    content = io.BytesIO()
    arrays: dict[str, Any] = dict(zip(NAMES, digits, strict=True))
    np.savez(content, code=code.hexdigest(), **arrays)
    with contextlib.suppress(OSError):  # where nothing can be written, they are rendered each time
        save(content.getvalue(), path)
    return digits


def render_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Render digits that resemble MNIST's.

    Returns:
        images: (count, 28, 28) uint8, white (255) on black (0).
        labels: (count,) int32, shuffled; all digits are equally frequent, give or take one.
    """
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10).astype(np.int32)
    choices = random.random(count)  # of a shape among those of the digit
    images = np.empty((count, SIZE, SIZE), np.uint8)
    for digit, shapes in enumerate(SHAPES):
        for number, shape in enumerate(shapes):
            chosen = (labels == digit) & (np.floor(choices * len(shapes)) == number)
            indices = np.flatnonzero(chosen)
            for start in range(0, len(indices), CHUNK):
                chunk = indices[start : start + CHUNK]
                images[chunk] = render_shape(shape, len(chunk), random)
    return images, labels


def render_shape(shape: str, count: int, random: np.random.Generator) -> np.ndarray:
    """Render `count` random variations of one of `SHAPES`: (count, 28, 28) uint8."""

    def sample(deviation: float, *axes: int) -> np.ndarray:
        # Limited, so that no image is distorted beyond recognition.
        return deviation * np.clip(random.standard_normal((count, *axes), np.float32), -2.5, 2.5)

    points, to_dots, to_steps = interpolate_strokes(shape)
    points = points + sample(JITTER, *points.shape)  # (count, points, 2)
    x, y = points[:, :, 0], points[:, :, 1]
    x = np.exp(sample(LOG_WIDTH, 1)) * x - (SLANT + sample(SLANT_DEVIATION, 1)) * y
    angle = sample(ROTATION, 1)
    sine, cosine = np.sin(angle), np.cos(angle)
    points = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=2)
    dots = to_dots @ points  # (count, dots, 2)
    lengths = np.linalg.norm(to_steps @ points, axis=2, keepdims=True)  # (count, dots, 1)

    # A smooth random warp: waves along x and along y, weaker at shorter wavelengths.
    wave = np.arange(1, 4, dtype=np.float32)
    waves = np.sin(np.pi / 9 * wave * dots[:, :, :, np.newaxis] + sample(3, 1, 2, 3)) / wave
    dots = dots + waves.reshape(count, -1, 6) @ sample(WARP, 6, 2)

    side = np.ptp(dots, axis=1, keepdims=True).max(axis=2, keepdims=True)
    total = lengths.sum(axis=1, keepdims=True)
    # A digit of short strokes, such as 1, is enlarged more to fit the box, and its strokes with it.
    pen_width = PEN_WIDTH * (2 * side / total) ** THICKENING * np.exp(sample(LOG_PEN_WIDTH, 1, 1))
    scale = (BOX - 1.3 * pen_width) / side
    center_of_mass = (dots * lengths).sum(axis=1, keepdims=True) / total
    dots = scale * (dots - center_of_mass) + SIZE / 2 + sample(SHIFT, 1, 2)
    return draw_dots(dots, scale * lengths, pen_width)


def interpolate_strokes(shape: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parse a shape, and place dots along its strokes, about two per row of the grid.

    Returns:
        points: (points, 2), x and y of the control points of all strokes.
        to_dots: (dots, points); `to_dots @ points` are the positions of the dots.
        to_steps: (dots, points); `to_steps @ points` are the steps from each dot to the next.
    """
    strokes = [stroke.split() for stroke in shape.split("/")]
    grid = [(COLUMN_WIDTH * int(xy[0]), int(xy[1])) for stroke in strokes for xy in stroke]
    points, unit = np.array(grid, np.float32), np.eye(len(grid), dtype=np.float32)
    to_dots, to_steps = [], []
    first = 0
    for stroke in strokes:
        last = first + len(stroke) - 1
        for index in range(first, last + 1):
            # The spline's parabola from halfway to the point before to halfway to the one after.
            before, after = max(index - 1, first), min(index + 1, last)
            count = 1 + int(np.linalg.norm(points[after] - points[before]))
            t = (np.arange(count, dtype=np.float32)[:, np.newaxis] + 0.5) / count
            a, b, c = unit[before], unit[index], unit[after]
            to_dots.append((1 - t) ** 2 / 2 * a + (0.5 + t - t**2) * b + t**2 / 2 * c)
            to_steps.append(((t - 1) * a + (1 - 2 * t) * b + t * c) / count)
        first = last + 1
    return points, np.concatenate(to_dots), np.concatenate(to_steps)


def draw_dots(dots: np.ndarray, lengths: np.ndarray, pen_width: np.ndarray) -> np.ndarray:
    """Draw strokes that are given as dots.

    Each dot is a Gaussian. Their sum is 1 along a stroke and 1/2 at its edges. A Gaussian is the
    product of one in x and one in y, so a matrix product sums the Gaussians of all dots.

    Args:
        dots: (count, dots, 2), the x and y of the dots in pixels.
        lengths: (count, dots, 1), the length of the stroke that each dot stands for, in pixels.
        pen_width: (count, 1, 1), in pixels.

    Returns:
        (count, 28, 28) uint8.
    """
    deviation = pen_width / np.float32(2 * np.sqrt(2 * np.log(2)))
    pixels = np.arange(SIZE, dtype=np.float32)
    columns, rows = (
        np.exp(-(((pixels - dots[:, :, [axis]]) / deviation) ** 2) / 2) for axis in (0, 1)
    )  # each (count, dots, 28)
    density = lengths / (np.float32(np.sqrt(2 * np.pi)) * deviation)
    ink = rows.swapaxes(1, 2) @ (density * columns)
    contrast = np.maximum(1.2, 0.48 * pen_width)  # edges as blurred as MNIST's
    return (255 * np.clip(0.5 + contrast * (ink - 0.5), 0, 1)).astype(np.uint8)
