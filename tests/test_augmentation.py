"""Augmented images resemble their originals, differ from each other, and follow the seed."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.data.augmentation import (
    LIMITS,
    AugmentationLimits,
    augment,
    augment_selected,
    interpolate,
    sample_distortions,
    select_share,
)
from tf_lstm.data.synthetic import render_digits

IMAGES, _ = render_digits(6, seed=2)


def distort(images, limits, seed=(1, 2)):
    return augment(images, sample_distortions(len(images), seed), limits)


def test_augmented_images_resemble_their_originals_but_differ_from_each_other():
    same = np.stack([IMAGES[0]] * 50)
    augmented = distort(same, LIMITS["affine_elastic"]).numpy()
    assert augmented.shape == (50, 28, 28) and 0 <= augmented.min() and augmented.max() <= 255
    assert len(np.unique(augmented.sum(axis=(1, 2)))) == 50
    mean, original = augmented.mean(axis=0).ravel(), IMAGES[0].astype(float).ravel()
    assert np.corrcoef(mean, original)[0, 1] > 0.6


def test_augmentation_depends_on_the_seed_only():
    first, same, other = (
        distort(IMAGES, LIMITS["affine_elastic"], seed).numpy() for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_limits_of_zero_leave_images_unchanged():
    np.testing.assert_allclose(distort(IMAGES, AugmentationLimits()), IMAGES, atol=1e-3)


@pytest.mark.parametrize("name", AugmentationLimits._fields)
def test_every_distortion_has_an_effect(name):
    limits = AugmentationLimits(**{name: 1.0})
    assert np.abs(distort(IMAGES, limits) - IMAGES).max() > 50


def test_centered_augmentation_hardly_moves_the_centre_of_mass():
    def centres(images):
        rows = np.arange(28) @ images.sum(axis=2).T / images.sum(axis=(1, 2))
        columns = np.arange(28) @ images.sum(axis=1).T / images.sum(axis=(1, 2))
        return np.stack([rows, columns])

    images = np.repeat(IMAGES, 30, axis=0)
    moved = {
        kind: np.abs(centres(distort(images, limits).numpy()) - centres(images)).mean()
        for kind, limits in LIMITS.items()
    }
    assert moved["affine_elastic_centered"] < 0.5 * moved["affine_elastic"]


def test_values_between_pixels_are_interpolated_from_four_neighbours(random):
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


@pytest.mark.parametrize("share, count", [(0.0, 0), (0.25, 1), (0.4, 2), (0.5, 3), (1.0, 6)])
def test_a_share_of_a_batch_is_augmented(share, count):
    selected = select_share(6, share)
    distortions = sample_distortions(6, (1, 2))
    images = augment_selected(IMAGES, selected, distortions, LIMITS["affine_elastic"])
    changed = (images.numpy() != IMAGES).any(axis=(1, 2))
    assert images.shape == (6, 28, 28) and changed.sum() == count
    np.testing.assert_array_equal(changed, selected)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_the_augmented_images_are_spread_over_the_batch(share):
    selected = select_share(128, share).numpy()
    for part in np.split(selected, 4):
        assert abs(part.sum() - 32 * share) <= 1


def test_a_selected_image_is_distorted_by_its_own_numbers():
    distortions = sample_distortions(6, (1, 2))
    selected = [False, True, False, False, True, False]
    some = augment_selected(IMAGES, selected, distortions, LIMITS["affine_elastic"])
    every = augment(IMAGES, distortions, LIMITS["affine_elastic"])
    np.testing.assert_array_equal(some[1], every[1])
    np.testing.assert_array_equal(some[4], every[4])
