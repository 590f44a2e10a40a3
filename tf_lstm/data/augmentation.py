"""Augmentation: training images distorted at random, differently each time they are used.

An affine map rotates, scales, shears and shifts the whole image. An elastic deformation (Simard,
Steinkraus & Platt 2003) moves each part of it differently, as in handwriting.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tf_lstm.data.files import SIZE


class AugmentationLimits(NamedTuple):
    """How strongly images are distorted; 0 switches a distortion off.

    The affine numbers are sampled uniformly between minus and plus their limit, the elastic
    displacements from a normal distribution with the given standard deviation.
    """

    rotation: float = 0.0  # radians
    log_width: float = 0.0  # natural logarithm of the scaling
    log_height: float = 0.0
    shear: float = 0.0  # horizontal pixels per vertical pixel
    shift_x: float = 0.0  # pixels
    shift_y: float = 0.0
    elastic_x: float = 0.0  # pixels, standard deviation
    elastic_y: float = 0.0


LIMITS = {
    "affine_elastic": AugmentationLimits(0.2, 0.12, 0.12, 0.2, 2.0, 2.0, 1.0, 1.0),
    # MNIST's digits are centred and have one size. With both unchanged, the first rows tell the
    # network how many rows of ink follow.
    "affine_elastic_centered": AugmentationLimits(
        rotation=0.2, log_width=0.12, shear=0.2, elastic_x=1.0, elastic_y=0.5
    ),
}
KNOTS = 5  # elastic displacements are sampled at 5 × 5 points and interpolated smoothly


NUMBERS = 6 + 2 * KNOTS**2  # random numbers for each image


def sample_distortions(count: tf.Tensor, seed: tf.Tensor | Sequence[int]) -> tf.Tensor:
    """Random numbers (count, NUMBERS), with which `augment` distorts `count` images.

    Args:
        seed: (2,) integers; the same seed gives the same numbers.
    """
    affine_seed, elastic_seed = (
        tf.random.experimental.stateless_fold_in(seed, number) for number in (0, 1)
    )
    affine = tf.random.stateless_uniform((count, 6), affine_seed, -1, 1)
    elastic = tf.random.stateless_normal((count, NUMBERS - 6), elastic_seed)
    return tf.concat([affine, elastic], axis=1)


def select_share(count: tf.Tensor, share: float) -> tf.Tensor:
    """Which of `count` images are augmented: a share of them, evenly spread, (count,) booleans."""
    # Spread, so that each part of a batch has its share of the work. Which images these
    # are is random anyway, as the images of a batch are in random order.
    among_first = tf.floor(share * tf.cast(tf.range(count + 1), tf.float32))
    return among_first[1:] > among_first[:-1]


def augment_selected(
    images: tf.Tensor, selected: tf.Tensor, distortions: tf.Tensor, limits: AugmentationLimits
) -> tf.Tensor:
    """Augment those images (batch, 28, 28) that are `selected`, (batch,) booleans; as float32."""
    indices = tf.where(selected)  # (augmented, 1)
    chosen = indices[:, 0]
    augmented = augment(tf.gather(images, chosen), tf.gather(distortions, chosen), limits)
    return tf.tensor_scatter_nd_update(tf.cast(images, tf.float32), indices, augmented)


def augment(
    images: tf.Tensor | Sequence, distortions: tf.Tensor, limits: AugmentationLimits
) -> tf.Tensor:
    """Distort each image differently.

    Args:
        images: (batch, 28, 28) uint8.
        distortions: (batch, NUMBERS), from `sample_distortions`.
        limits: how strongly.

    Returns:
        (batch, 28, 28) float32, pixels from 0 to 255.
    """
    angle, log_width, log_height, shear, shift_x, shift_y = (
        column[:, tf.newaxis, tf.newaxis]
        for column in tf.unstack(tf.constant(limits[:6]) * distortions[:, :6], axis=1)
    )
    elastic_x, elastic_y = elastic_fields(distortions[:, 6:])

    # Where each pixel of the distorted image comes from, relative to the centre: (batch, 28, 28).
    x = tf.range(SIZE, dtype=tf.float32) - (SIZE - 1) / 2
    y = x[:, tf.newaxis]
    sine, cosine = tf.sin(angle), tf.cos(angle)
    from_x = tf.exp(log_width) * (cosine * x + (shear * cosine - sine) * y)
    from_y = tf.exp(log_height) * (sine * x + (shear * sine + cosine) * y)
    return interpolate(
        images,
        from_x + shift_x + limits.elastic_x * elastic_x + (SIZE - 1) / 2,
        from_y + shift_y + limits.elastic_y * elastic_y + (SIZE - 1) / 2,
    )


def elastic_fields(knots: tf.Tensor) -> list[tf.Tensor]:
    """Smooth displacements in x and y, each (batch, 28, 28), from their values at the knots.

    Args:
        knots: (batch, 2 * KNOTS**2), standard normal; the displacements have standard deviation 1.
    """
    # Bicubic interpolation is linear in the knots: one matrix, made from unit knots, serves all.
    unit_knots = tf.reshape(tf.eye(KNOTS**2), (-1, KNOTS, KNOTS, 1))
    unit_fields = tf.image.resize(unit_knots, (SIZE, SIZE), "bicubic")
    fields = tf.reshape(knots, (-1, KNOTS**2)) @ tf.reshape(unit_fields, (KNOTS**2, -1))
    return tf.unstack(tf.reshape(fields, (-1, 2, SIZE, SIZE)), axis=1)


def interpolate(images: tf.Tensor | Sequence, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Bilinear interpolation of pixels at fractional positions; pixels outside are 0.

    Args:
        images: (batch, 28, 28) uint8.
        x, y: (batch, 28, 28) float32, columns and rows.

    Returns:
        (batch, 28, 28) float32.
    """
    width = SIZE + 2  # with a border of zeros
    pixels = tf.pad(tf.cast(images, tf.float32), [[0, 0], [1, 1], [1, 1]])
    x, y = (tf.clip_by_value(position + 1, 0, width - 1.001) for position in (x, y))
    left, top = tf.floor(x), tf.floor(y)
    right_weight, bottom_weight = x - left, y - top
    first = tf.range(tf.shape(images)[0])[:, tf.newaxis, tf.newaxis] * width**2
    corner = first + tf.cast(top * width + left, tf.int32)
    flat = tf.reshape(pixels, [-1])
    above = tf.gather(flat, corner), tf.gather(flat, corner + 1)
    below = tf.gather(flat, corner + width), tf.gather(flat, corner + width + 1)
    upper, lower = (one + right_weight * (other - one) for one, other in (above, below))
    return upper + bottom_weight * (lower - upper)
