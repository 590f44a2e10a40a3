"""Images as a recipe reads them: pixels as numbers, rows as time steps."""

import numpy as np
import tensorflow as tf

SIZE = 28  # pixels along each side of an image
PERMUTATION = np.random.default_rng(28).permutation(SIZE)  # of row order "permuted"
EVALUATION_SEED = (28, 28)  # of row order "shuffled", where images are not trained on


def features(recipe):
    """How many numbers a time step has."""
    return SIZE * (SIZE + recipe.pad_columns) // recipe.time_steps


def arrange(images, row_order, seed):
    """Put each image's rows in the order in which they are read.

    Args:
        images: (batch, 28, 28).
        row_order: "reading", from top to bottom; "reversed", from bottom to top; "columns", from
            left to right; "permuted", in one order drawn once for all; "shuffled", in an order
            drawn for each image.
        seed: (2,) integers, of "shuffled".

    Returns:
        The same pixels, (batch, 28, 28).
    """
    if row_order == "reversed":
        return tf.reverse(images, axis=[1])
    if row_order == "columns":
        return tf.transpose(images, [0, 2, 1])
    if row_order == "permuted":
        return tf.gather(images, PERMUTATION, axis=1)
    if row_order == "shuffled":
        drawn = tf.random.stateless_uniform((tf.shape(images)[0], SIZE), seed)
        return tf.gather(images, tf.argsort(drawn, axis=1), batch_dims=1)
    return images


def images_to_rows(images, recipe, dtype=tf.float32, seed=None):
    """Turn pixels into the rows that the network reads.

    Args:
        images: (batch, 28, 28) uint8, or float32 pixels from 0 to 255.
        recipe: a `Recipe`.
        seed: (2,) integers while training, of a row order that is drawn; None for images that are
            not trained on.

    Returns:
        (batch, time steps, features) of `dtype`: pixels in [0, 1] less the recipe's offset, and
        blank columns (the offset does not move these: they hold zeros).
    """
    if seed is None:
        images = arrange(images, recipe.tested_order, EVALUATION_SEED)
    else:
        images = arrange(images, recipe.row_order, seed)
    rows = tf.cast(images, dtype) / 255 - tf.cast(recipe.pixel_offset, dtype)
    groups = recipe.pad_columns if recipe.pad_place == "between" else 1
    if recipe.pad_columns:
        columns = tf.reshape(rows, (-1, SIZE, groups, SIZE // groups))
        blank = [[0, 0], [0, 0], [0, 0], [0, recipe.pad_columns // groups]]
        rows = tf.pad(columns, blank)  # (batch, 28, groups, 28 / groups and its blanks)
    return tf.reshape(rows, (-1, recipe.time_steps, features(recipe)))
