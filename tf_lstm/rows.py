"""Images as sequences: pixels as numbers, rows as time steps."""

import numpy as np
import tensorflow as tf

from tf_lstm.settings import Recipe

IMAGE_SIZE = 28  # pixels on each side of an image
# For row order "permuted": one random order, written down because NumPy may change its generators.
# fmt: off
PERMUTATION = (17, 14, 9, 27, 7, 4, 8, 25, 13, 12, 0, 20, 6, 26,
               2, 21, 5, 19, 3, 15, 11, 22, 1, 23, 10, 18, 16, 24)
# fmt: on
# For row order "permuted_pixels". NumPy guarantees that the numbers of a RandomState never change.
PIXEL_PERMUTATION = np.random.RandomState(28).permutation(IMAGE_SIZE**2)
EVALUATION_SEED = (28, 28)  # for row order "shuffled", when not training


def count_features(recipe: Recipe) -> int:
    """The number of features of a time step."""
    return IMAGE_SIZE * (IMAGE_SIZE + recipe.pad_columns) // recipe.time_steps


def order_rows(images: tf.Tensor, row_order: str, row_keys: tf.Tensor | None = None) -> tf.Tensor:
    """Images (batch, 28, 28) with their rows in the order in which they are read.

    Args:
        images: (batch, 28, 28).
        row_order: "reading" from top to bottom; "reversed" from bottom to top; "columns" from left
            to right; "permuted" in one random order for all images; "permuted_pixels" with the
            pixels in one random order; "shuffled" in the order of `row_keys`.
        row_keys: (batch, 28), a random number for each row of each image.
    """
    if row_order == "reversed":
        return tf.reverse(images, axis=[1])
    if row_order == "columns":
        return tf.transpose(images, [0, 2, 1])
    if row_order == "permuted":
        return tf.gather(images, PERMUTATION, axis=1)
    if row_order == "permuted_pixels":
        pixels = tf.reshape(images, (-1, IMAGE_SIZE**2))
        return tf.reshape(tf.gather(pixels, PIXEL_PERMUTATION, axis=1), tf.shape(images))
    if row_order == "shuffled":
        return tf.gather(images, tf.argsort(row_keys, axis=1), batch_dims=1)
    return images


def sample_row_keys(count: tf.Tensor, seed: tf.Tensor | tuple[int, int]) -> tf.Tensor:
    """Random numbers (count, 28) that put the rows of each image in a random order."""
    return tf.random.stateless_uniform((count, IMAGE_SIZE), seed)


def images_to_rows(images: tf.Tensor, recipe: Recipe, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """The rows that the network reads when it is not trained, (batch, time steps, features).

    Args:
        images: (batch, 28, 28) uint8.
        recipe: the settings.
        dtype: the type of the rows.
    """
    row_keys = None
    if recipe.eval_row_order == "shuffled":
        row_keys = sample_row_keys(tf.shape(images)[0], EVALUATION_SEED)
    return to_time_steps(order_rows(images, recipe.eval_row_order, row_keys), recipe, dtype)


def to_time_steps(images: tf.Tensor, recipe: Recipe, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Scale pixels, and divide ordered rows into time steps.

    Args:
        images: (batch, 28, 28) uint8, or float32 pixels from 0 to 255.
        recipe: the settings.
        dtype: the type of the result.

    Returns:
        (batch, time steps, features): pixels in [0, 1] minus the recipe's offset. The columns that
        pad an image hold zeros, whatever the offset.
    """
    rows = tf.cast(images, dtype) / 255 - tf.cast(recipe.pixel_offset, dtype)
    if recipe.pad_columns:
        groups = recipe.pad_columns if recipe.pad_position == "between" else 1
        rows = tf.reshape(rows, (-1, IMAGE_SIZE, groups, IMAGE_SIZE // groups))
        blanks = [[0, 0], [0, 0], [0, 0], [0, recipe.pad_columns // groups]]
        rows = tf.pad(rows, blanks)  # (batch, 28, groups, 28 / groups + blanks per group)
    return tf.reshape(rows, (-1, recipe.time_steps, count_features(recipe)))
