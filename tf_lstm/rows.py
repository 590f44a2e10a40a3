"""Images as sequences: pixels as numbers, rows as time steps."""

import numpy as np
import tensorflow as tf

from tf_lstm.settings import Recipe

IMAGE_SIZE = 28  # pixels on each side of an image
PERMUTATION = np.random.default_rng(28).permutation(IMAGE_SIZE)  # for row order "permuted"
EVALUATION_SEED = (28, 28)  # for row order "shuffled", when not training


def count_features(recipe: Recipe) -> int:
    """The number of features of a time step."""
    return IMAGE_SIZE * (IMAGE_SIZE + recipe.pad_columns) // recipe.time_steps


def order_rows(images: tf.Tensor, row_order: str, seed: tf.Tensor | tuple[int, int]) -> tf.Tensor:
    """Images (batch, 28, 28) with their rows in the order in which they are read.

    Args:
        images: (batch, 28, 28).
        row_order: "reading" from top to bottom; "reversed" from bottom to top; "columns" from left
            to right; "permuted" in one random order for all images; "shuffled" in a random order
            for each image.
        seed: (2,) integers; used only by row order "shuffled".
    """
    if row_order == "reversed":
        return tf.reverse(images, axis=[1])
    if row_order == "columns":
        return tf.transpose(images, [0, 2, 1])
    if row_order == "permuted":
        return tf.gather(images, PERMUTATION, axis=1)
    if row_order == "shuffled":
        keys = tf.random.stateless_uniform((tf.shape(images)[0], IMAGE_SIZE), seed)
        return tf.gather(images, tf.argsort(keys, axis=1), batch_dims=1)
    return images


def images_to_rows(
    images: tf.Tensor,
    recipe: Recipe,
    dtype: tf.DType = tf.float32,
    seed: tf.Tensor | None = None,
) -> tf.Tensor:
    """The rows that the network reads.

    Args:
        images: (batch, 28, 28) uint8, or float32 pixels from 0 to 255.
        recipe: the settings.
        dtype: the type of the rows.
        seed: (2,) integers for training images; used only by row order "shuffled". None for images
            that are not trained on.

    Returns:
        (batch, time steps, features): pixels in [0, 1] minus the recipe's offset. The columns that
        pad an image hold zeros, whatever the offset.
    """
    if seed is None:
        images = order_rows(images, recipe.eval_row_order, EVALUATION_SEED)
    else:
        images = order_rows(images, recipe.row_order, seed)
    rows = tf.cast(images, dtype) / 255 - tf.cast(recipe.pixel_offset, dtype)
    if recipe.pad_columns:
        groups = recipe.pad_columns if recipe.pad_position == "between" else 1
        rows = tf.reshape(rows, (-1, IMAGE_SIZE, groups, IMAGE_SIZE // groups))
        blanks = [[0, 0], [0, 0], [0, 0], [0, recipe.pad_columns // groups]]
        rows = tf.pad(rows, blanks)  # (batch, 28, groups, 28 / groups + blanks per group)
    return tf.reshape(rows, (-1, recipe.time_steps, count_features(recipe)))
