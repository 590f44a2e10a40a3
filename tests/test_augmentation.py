"""Bent images: like their originals, each in its own way, the same for the same seed."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.augmentation import LIMITS, bend, interpolate
from tf_lstm.drawn_digits import draw_digits

IMAGES, _ = draw_digits(6, seed=2)


def test_bent_images_resemble_their_originals_but_differ_from_each_other():
    same = np.stack([IMAGES[0]] * 50)
    bent = bend(same, LIMITS["bend"], [1, 2]).numpy()
    assert bent.shape == (50, 28, 28) and 0 <= bent.min() and bent.max() <= 255
    assert len(np.unique(bent.sum(axis=(1, 2)))) == 50
    mean, original = bent.mean(axis=0).ravel(), IMAGES[0].astype(float).ravel()
    assert np.corrcoef(mean, original)[0, 1] > 0.6


def test_bending_depends_on_the_seed_alone():
    first, same, other = (
        bend(IMAGES, LIMITS["bend"], seed).numpy() for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_nothing_moves_without_limits():
    np.testing.assert_allclose(bend(IMAGES, (0.0,) * 8, [1, 2]), IMAGES, atol=1e-3)


@pytest.mark.parametrize("alone", range(8))
def test_every_kind_of_bending_does_something(alone):
    limits = [0.0] * 8
    limits[alone] = 1.0
    assert np.abs(bend(IMAGES, limits, [1, 2]) - IMAGES).max() > 50


def test_bending_in_place_moves_no_mass():
    def centres(images):
        rows = np.arange(28) @ images.sum(axis=2).T / images.sum(axis=(1, 2))
        columns = np.arange(28) @ images.sum(axis=1).T / images.sum(axis=(1, 2))
        return np.stack([rows, columns])

    images = np.repeat(IMAGES, 30, axis=0)
    moved = {
        kind: np.abs(centres(bend(images, limits, [1, 2]).numpy()) - centres(images)).mean()
        for kind, limits in LIMITS.items()
    }
    assert moved["bend in place"] < 0.5 * moved["bend"]


def test_places_between_pixels_are_mixed_of_four_neighbours(random):
    images = random.integers(0, 256, (2, 28, 28), dtype=np.uint8)
    x, y = random.uniform(-3, 30, (2, 2, 28, 28)).astype(np.float32)
    padded = np.pad(images.astype(float), [(0, 0), (4, 4), (4, 4)])
    expected = np.zeros(x.shape)
    for image, row, column in np.ndindex(x.shape):
        place_x, place_y = x[image, row, column] + 4, y[image, row, column] + 4
        left, top = int(place_x), int(place_y)
        for dy in (0, 1):
            for dx in (0, 1):
                share = (1 - abs(place_x - left - dx)) * (1 - abs(place_y - top - dy))
                expected[image, row, column] += share * padded[image, top + dy, left + dx]
    np.testing.assert_allclose(
        interpolate(images, tf.constant(x), tf.constant(y)), expected, atol=0.6
    )
