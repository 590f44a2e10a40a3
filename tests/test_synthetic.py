"""Synthetic digits: MNIST's format and look, and labels that match the strokes."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tf_lstm.data.photo import read_photo
from tf_lstm.data.strokes import SHAPES
from tf_lstm.data.synthetic import (
    COLUMN_WIDTH,
    draw_dots,
    interpolate_strokes,
    render_digits,
    render_shape,
)


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


@pytest.mark.parametrize("digit, character", [*enumerate("0|23456789")])
def test_labels_match_the_strokes(digits, digit, character, tmp_path):
    """Of the nine digits most similar to a printed one, in either of two fonts, most agree."""
    images, labels = digits[0].astype(float), digits[1]
    read = []
    for name in ("DejaVuSans-Oblique.ttf", "DejaVuSerif-Italic.ttf"):
        font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", name), 100)
        page = Image.new("L", (150, 150))
        ImageDraw.Draw(page).text((50, 10), character, 255, font, stroke_width=1)
        page.save(tmp_path / "page.png")
        differences = images - read_photo(tmp_path / "page.png").image
        nearest = labels[(differences**2).sum(axis=(1, 2)).argsort()[:9]]
        read.append(np.bincount(nearest).argmax())
    assert digit in read


@pytest.mark.parametrize("digit", range(10))
def test_every_shape_of_a_digit_resembles_that_digit(digits, digit, random):
    """Of 40 variations, most are most similar to images with its label."""
    images, labels = digits[0].reshape(-1, 784) / 255, digits[1]
    for shape in SHAPES[digit]:
        variations = render_shape(shape, 40, random).reshape(-1, 784) / 255
        distances = (images**2).sum(axis=1) - 2 * variations @ images.T
        nearest = labels[distances.argmin(axis=1)]
        assert np.bincount(nearest).argmax() == digit, shape


def test_digits_are_centred_and_fill_mnists_box(digits):
    images = digits[0].astype(float)
    for axis in (1, 2):
        profiles = images.sum(axis=axis)
        centers = profiles @ np.arange(28) / profiles.sum(axis=1)
        assert centers.mean() == pytest.approx(14, abs=0.1)
        assert centers.std() < 0.5  # MNIST: 0.3
    sides = [(images > 0).any(axis=axis).sum(axis=1) for axis in (1, 2)]
    assert np.maximum(*sides).mean() == pytest.approx(20, abs=0.5)


def test_dots_lie_on_the_strokes():
    """From (1, 8) up to a corner and to the right; a second stroke is a dash."""
    points, to_dots, to_steps = interpolate_strokes("18 12 12 92/39 59")
    dots, steps = to_dots @ points, to_steps @ points
    left, right, dash = COLUMN_WIDTH * np.array([1, 9, 2])
    second = dots[:, 1] > 8.5
    on_lines = np.isclose(dots[:, 0], left) | np.isclose(dots[:, 1], 2) | second
    assert on_lines.all() and dots[0, 1] > 7 and dots[~second, 0].max() > right - 1
    np.testing.assert_allclose(steps.sum(axis=0), [right - left + dash, 2 - 8], rtol=1e-5)
    np.testing.assert_allclose(np.abs(steps).sum(), 6 + right - left + dash, rtol=1e-5)


def test_a_stroke_is_as_wide_as_the_pen():
    dots = np.stack([np.full(40, 14.0), np.linspace(0, 27, 40)], axis=1)[None]
    image = draw_dots(dots, np.full((1, 40, 1), 27 / 39), np.full((1, 1, 1), 4.0))[0, 14]
    assert image[14] == image[13] == 255 and image[12] == image[16] == pytest.approx(127, abs=3)
    assert image[:11].max() == image[18:].max() == 0


def test_classification_is_possible_but_not_trivial(digits):
    """The nearest mean image of the first half classifies most of the second (82 % on MNIST)."""
    images, labels = digits[0] / 255, digits[1]
    differences = images[1000:, None] - mean_images(images[:1000], labels[:1000])
    nearest = (differences**2).sum(axis=(2, 3)).argmin(axis=1)
    assert 0.6 < (nearest == labels[1000:]).mean() < 0.9


def test_few_or_no_digits_can_be_rendered():
    assert render_digits(3, seed=0)[0].shape == (3, 28, 28)
    assert render_digits(0, seed=0)[0].shape == (0, 28, 28)
