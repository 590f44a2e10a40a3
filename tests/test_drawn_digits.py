from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import ImageFont

from tf_lstm.drawn_digits import OVERSAMPLING, draw_digits, draw_glyph


@pytest.fixture(scope="module")
def drawn():
    return draw_digits(2_005, seed=0)


def test_images_and_labels_have_mnists_format(drawn):
    images, labels = drawn
    assert images.shape == (2_005, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (2_005,) and labels.dtype == np.int32


def test_same_seed_draws_same_digits(drawn):
    images, labels = draw_digits(2_005, seed=0)
    np.testing.assert_array_equal(images, drawn[0])
    np.testing.assert_array_equal(labels, drawn[1])


def test_another_seed_draws_other_digits(drawn):
    images, labels = draw_digits(2_005, seed=1)
    assert (labels != drawn[1]).any()
    assert not {image.tobytes() for image in images} & {image.tobytes() for image in drawn[0]}


def test_every_digit_is_drawn_equally_often_and_shuffled(drawn):
    counts = np.bincount(drawn[1], minlength=10)
    assert set(counts) == {200, 201}
    assert len(set(drawn[1][:10])) > 3
    assert (np.diff(drawn[1]) % 10 != 1).any()


def test_no_two_images_are_alike(drawn):
    assert len({image.tobytes() for image in drawn[0]}) == len(drawn[0])


def test_digits_are_white_strokes_on_black(drawn):
    images = drawn[0]
    assert (images.max(axis=(1, 2)) == 255).mean() > 0.95
    assert 0.05 < images.mean() / 255 < 0.25  # MNIST: 0.13
    grey = (images > 0) & (images < 255)
    assert 0.05 < grey.mean() < 0.25  # smooth edges; MNIST: 0.18


def test_ink_stays_within_the_frame(drawn):
    images = drawn[0].astype(float)
    inside = images[:, 1:-1, 1:-1].sum()
    assert inside / images.sum() > 0.998


def mean_images(images, labels):
    return np.array([images[labels == digit].mean(axis=0) for digit in range(10)])


def test_labels_match_the_glyphs(drawn):
    """An upright, unbent digit of a font resembles the mean image of its own label most."""
    means = mean_images(*drawn)
    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), 100)
    for digit in range(10):
        glyph = draw_glyph(font, 1, str(digit))[1::OVERSAMPLING, 1::OVERSAMPLING]
        assert ((means - glyph) ** 2).sum(axis=(1, 2)).argmin() == digit


def test_digits_can_be_told_apart_but_not_at_once(drawn):
    """The nearest mean image of the first half names most of the second half (82 % on MNIST)."""
    images, labels = drawn[0] / 255, drawn[1]
    differences = images[1000:, None] - mean_images(images[:1000], labels[:1000])
    nearest = (differences**2).sum(axis=(2, 3)).argmin(axis=1)
    assert 0.7 < (nearest == labels[1000:]).mean() < 0.95


def test_a_few_digits_and_none():
    assert draw_digits(3, seed=0)[0].shape == (3, 28, 28)
    assert draw_digits(0, seed=0)[0].shape == (0, 28, 28)
