from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import ImageFont

from tf_lstm.data.synthetic import OVERSAMPLING, render_digits, render_glyph


@pytest.fixture(scope="module")
def digits():
    return render_digits(2_005, seed=0)


def test_images_and_labels_have_mnists_format(digits):
    images, labels = digits
    assert images.shape == (2_005, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (2_005,) and labels.dtype == np.int32


def test_same_seed_renders_same_digits(digits):
    images, labels = render_digits(2_005, seed=0)
    np.testing.assert_array_equal(images, digits[0])
    np.testing.assert_array_equal(labels, digits[1])


def test_another_seed_renders_other_digits(digits):
    images, labels = render_digits(2_005, seed=1)
    assert (labels != digits[1]).any()
    assert not {image.tobytes() for image in images} & {image.tobytes() for image in digits[0]}


def test_digits_are_shuffled_and_equally_frequent(digits):
    counts = np.bincount(digits[1], minlength=10)
    assert set(counts) == {200, 201}
    assert len(set(digits[1][:10])) > 3
    assert (np.diff(digits[1]) % 10 != 1).any()


def test_no_two_images_are_equal(digits):
    assert len({image.tobytes() for image in digits[0]}) == len(digits[0])


def test_digits_are_white_strokes_on_black(digits):
    images = digits[0]
    assert (images.max(axis=(1, 2)) == 255).mean() > 0.95
    assert 0.05 < images.mean() / 255 < 0.25  # MNIST: 0.13
    grey = (images > 0) & (images < 255)
    assert 0.05 < grey.mean() < 0.25  # smooth edges; MNIST: 0.18


def test_ink_stays_within_the_frame(digits):
    images = digits[0].astype(float)
    inside = images[:, 1:-1, 1:-1].sum()
    assert inside / images.sum() > 0.998


def mean_images(images, labels):
    return np.array([images[labels == digit].mean(axis=0) for digit in range(10)])


def test_labels_match_the_glyphs(digits):
    """An undistorted glyph resembles the mean image of its own label most."""
    means = mean_images(*digits)
    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), 100)
    for digit in range(10):
        glyph = render_glyph(font, 1, str(digit))[1::OVERSAMPLING, 1::OVERSAMPLING]
        assert ((means - glyph) ** 2).sum(axis=(1, 2)).argmin() == digit


def test_classification_is_possible_but_not_trivial(digits):
    """The nearest mean image of the first half classifies most of the second (82 % on MNIST)."""
    images, labels = digits[0] / 255, digits[1]
    differences = images[1000:, None] - mean_images(images[:1000], labels[:1000])
    nearest = (differences**2).sum(axis=(2, 3)).argmin(axis=1)
    assert 0.7 < (nearest == labels[1000:]).mean() < 0.95


def test_few_or_no_digits_can_be_rendered():
    assert render_digits(3, seed=0)[0].shape == (3, 28, 28)
    assert render_digits(0, seed=0)[0].shape == (0, 28, 28)
