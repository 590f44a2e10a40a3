"""Augmentation: training images distorted at random, differently each time they are used.

An affine map rotates, scales, shears and shifts the whole image. An elastic deformation (Simard,
Steinkraus & Platt 2003) moves each part of it differently, as in handwriting.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tf_lstm.data.files import SIZE
from tf_lstm.settings import Recipe


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


def augment_share(images: tf.Tensor, recipe: Recipe, seed: tf.Tensor) -> tf.Tensor:
    """A training batch (batch, 28, 28) with the recipe's share of its images augmented.

    These are the first ones: the images of a batch are in random order.
    """
    if recipe.augment == "none":
        return images
    count = tf.cast(recipe.augmented_share * tf.cast(tf.shape(images)[0], tf.float32), tf.int32)
    augmented = augment(images[:count], LIMITS[recipe.augment], seed)
    return tf.concat([augmented, tf.cast(images[count:], tf.float32)], axis=0)


def augment(
    images: tf.Tensor | Sequence, limits: AugmentationLimits, seed: tf.Tensor | Sequence[int]
) -> tf.Tensor:
    """Distort each image differently.

    Args:
        images: (batch, 28, 28) uint8.
        seed: (2,) integers; the same seed gives the same distortions.

    Returns:
        (batch, 28, 28) float32, pixels from 0 to 255.
    """
    batch = tf.shape(images)[0]
    affine_seed = tf.random.experimental.stateless_fold_in(seed, 0)
    sampled = tf.constant(limits[:6]) * tf.random.stateless_uniform((batch, 6), affine_seed, -1, 1)
    angle, log_width, log_height, shear, shift_x, shift_y = (
        column[:, tf.newaxis, tf.newaxis] for column in tf.unstack(sampled, axis=1)
    )
    elastic_seed = tf.random.experimental.stateless_fold_in(seed, 1)
    elastic_x, elastic_y = sample_elastic_fields(batch, elastic_seed)

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


def sample_elastic_fields(batch: tf.Tensor, seed: tf.Tensor) -> list[tf.Tensor]:
    """Sample smooth displacements in x and y, each (batch, 28, 28), of standard deviation 1."""
    knots = tf.random.stateless_normal((2 * batch, KNOTS**2), seed)
    # Bicubic interpolation is linear in the knots: one matrix, made from unit knots, serves all.
    unit_knots = tf.reshape(tf.eye(KNOTS**2), (-1, KNOTS, KNOTS, 1))
    unit_fields = tf.image.resize(unit_knots, (SIZE, SIZE), "bicubic")
    fields = knots @ tf.reshape(unit_fields, (KNOTS**2, -1))
    return tf.split(tf.reshape(fields, (-1, SIZE, SIZE)), 2)


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
