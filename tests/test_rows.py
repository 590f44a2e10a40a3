"""Images as sequences of rows."""

from dataclasses import replace

import numpy as np
import tensorflow as tf

from tf_lstm.data.synthetic import render_digits
from tf_lstm.published_systems import KERAS_30, PADDED_42
from tf_lstm.recipes import DEFAULT
from tf_lstm.rows import PERMUTATION, PIXEL_PERMUTATION, images_to_rows, order_rows, sample_row_keys
from tf_lstm.train_step import training_rows

IMAGES, _ = render_digits(6, seed=3)


def test_pixels_become_numbers_from_0_to_1():
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 3, :2] = 51, 255
    rows = images_to_rows(images, DEFAULT)
    assert rows.dtype == tf.float32
    np.testing.assert_allclose(rows[0, 3, :3], [0.2, 1, 0])


def test_the_offset_is_subtracted():
    np.testing.assert_allclose(images_to_rows(IMAGES, KERAS_30), IMAGES / 255 - 0.5, atol=1e-6)


def test_blank_columns_are_appended():
    rows = images_to_rows(IMAGES, PADDED_42)
    assert rows.shape == (6, 28, 42)
    np.testing.assert_array_equal(rows[..., 28:], 0)
    np.testing.assert_allclose(
        rows[..., :28], images_to_rows(IMAGES, replace(PADDED_42, pad_columns=0))
    )


def test_blank_columns_can_be_placed_between_the_others():
    recipe = replace(DEFAULT, pad_columns=4, pad_position="between")
    rows = images_to_rows(IMAGES, recipe).numpy()
    assert rows.shape == (6, 28, 32)
    blank = [7, 15, 23, 31]  # one after every seven columns
    np.testing.assert_array_equal(rows[..., blank], 0)
    np.testing.assert_array_equal(np.delete(rows, blank, axis=2), images_to_rows(IMAGES, DEFAULT))


def test_pixels_can_be_divided_into_other_time_steps():
    rows = images_to_rows(IMAGES, replace(DEFAULT, time_steps=56))
    assert rows.shape == (6, 56, 14)
    whole_rows = tf.reshape(rows, (6, 28, 28))
    np.testing.assert_array_equal(whole_rows, images_to_rows(IMAGES, DEFAULT))


def test_rows_can_be_read_in_other_orders():
    np.testing.assert_array_equal(order_rows(IMAGES, "reading"), IMAGES)
    np.testing.assert_array_equal(order_rows(IMAGES, "reversed"), IMAGES[:, ::-1])
    np.testing.assert_array_equal(order_rows(IMAGES, "columns")[:, 5], IMAGES[:, :, 5])
    permuted = order_rows(IMAGES, "permuted").numpy()
    assert sorted(PERMUTATION) == list(range(28)) != list(PERMUTATION)
    np.testing.assert_array_equal(permuted[:, 9], IMAGES[:, PERMUTATION[9]])


def test_pixels_can_be_read_in_one_random_order():
    permuted = order_rows(IMAGES, "permuted_pixels").numpy()
    assert permuted.shape == IMAGES.shape
    pixels = IMAGES.reshape(-1, 784)
    np.testing.assert_array_equal(permuted[:, 2, 3], pixels[:, PIXEL_PERMUTATION[2 * 28 + 3]])
    assert sorted(PIXEL_PERMUTATION) == list(range(784))
    # Results on other machines and with other versions of NumPy are of the same order.
    assert list(PIXEL_PERMUTATION[:5]) == [41, 677, 434, 23, 212]


def test_each_image_is_shuffled_differently_and_the_seed_decides_how():
    numbered = np.tile(np.arange(28, dtype=np.uint8)[:, None], (5, 1, 28))  # row r is full of r
    orders, same, other = (
        order_rows(numbered, "shuffled", sample_row_keys(5, seed)).numpy()
        for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(orders, np.repeat(orders[:, :, :1], 28, axis=2))  # whole rows
    np.testing.assert_array_equal(np.sort(orders, axis=1), numbered)
    assert len({tuple(order[:, 0]) for order in orders}) == 5
    np.testing.assert_array_equal(orders, same)
    assert not np.array_equal(orders, other)


def test_images_that_are_not_trained_on_are_read_in_the_eval_row_order():
    unordered = images_to_rows(IMAGES, DEFAULT)
    trained = replace(DEFAULT, row_order="reversed")
    np.testing.assert_array_equal(images_to_rows(IMAGES, trained), unordered)
    evaluated = replace(DEFAULT, eval_row_order="reversed")
    np.testing.assert_array_equal(images_to_rows(IMAGES, evaluated), unordered[:, ::-1])


def test_training_images_are_read_in_the_row_order_of_the_recipe():
    batch = {"images": tf.constant(IMAGES)}
    rows = training_rows(batch, replace(DEFAULT, row_order="reversed"))
    np.testing.assert_array_equal(rows, images_to_rows(IMAGES, DEFAULT)[:, ::-1])
    rows = training_rows(batch, replace(DEFAULT, eval_row_order="reversed"))
    np.testing.assert_array_equal(rows, images_to_rows(IMAGES, DEFAULT))
