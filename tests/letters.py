"""Capital letters rendered from a font: a data set of 26 classes."""

from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def render_letters(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 28, 28) uint8 at random places and in random sizes, and labels from 0."""
    random = np.random.default_rng(seed)
    fonts = [
        ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size) for size in (18, 20, 22)
    ]
    labels = random.permutation(np.arange(count) % 26)
    images = np.zeros((count, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        picture = Image.new("L", (28, 28))
        place = (14 + random.uniform(-2, 2), 14 + random.uniform(-2, 2))
        font = fonts[random.integers(len(fonts))]
        ImageDraw.Draw(picture).text(place, LETTERS[label], 255, font, anchor="mm")
        image[:] = picture
    return images, labels


def write_letters(path: Path, count: int = 520, test_count: int = 130) -> Path:
    """Write an .npz file of letters, with their names in classes.txt beside it."""
    train, test = render_letters(count, 1), render_letters(test_count, 2)
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), (*train, *test), strict=True))
    np.savez_compressed(path, **arrays)
    (path.parent / "classes.txt").write_text("\n".join(LETTERS))
    return path
