"""Synthetic digits rendered from fonts, in MNIST's format, for use when MNIST is not available.

Every glyph is rendered once, enlarged, in a few pen widths. Each image then picks a glyph and
distorts it at random: rotation, shear, scaling, a shift, and a smooth warp.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tf_lstm.data.files import SIZE

BOX = 20  # pixels; a digit is fitted into a square of this size, as in MNIST
OVERSAMPLING = 3  # glyph pixels per image pixel, in each direction
CHUNK = 500  # images distorted at once: few enough for the processor's cache
WAVES = 4  # cosine waves of the warp in each direction

# Fonts that come with matplotlib, each with its characters for 0 to 9. A bare bar (l or |) is how
# most people write a 1. DejaVu's monospaced fonts are left out: their 0 has a bar inside.
FONTS = {
    "DejaVuSans.ttf": "0|23456789",
    "DejaVuSans-Oblique.ttf": "0l23456789",
    "DejaVuSerif-Italic.ttf": "0123456789",
    "STIXGeneral.ttf": "0|23456789",
    "STIXGeneralItalic.ttf": "0l23456789",
    "cmmi10.ttf": "0123456789",
    "cmr10.ttf": "0123456789",
    "cmss10.ttf": "0l23456789",
    "cmti10.ttf": "0123456789",
    "cmtt10.ttf": "0l23456789",
}
PEN_WIDTHS = (0, 1, 3)  # pixels added around the outline of a glyph of 100 pixels


def render_digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Render digits that resemble MNIST's.

    Returns:
        images: (count, 28, 28) uint8, white (255) on black (0).
        labels: (count,) int32, shuffled; all digits are equally frequent, give or take one.
    """
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10).astype(np.int32)
    glyphs = render_glyphs()
    images = np.empty((count, SIZE, SIZE), np.uint8)
    for start in range(0, count, CHUNK):
        chunk_labels = labels[start : start + CHUNK]
        styles = random.integers(len(glyphs), size=len(chunk_labels))
        images[start : start + CHUNK] = distort(glyphs, styles, chunk_labels, random)
    return images, labels


def render_glyphs() -> np.ndarray:
    """Render every digit in every style (a font and a pen width): (styles, 10, 84, 84) uint8."""
    import matplotlib  # here, because a training on MNIST needs neither it nor its start-up time

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return np.array(
        [
            [
                render_glyph(ImageFont.truetype(folder / font, 100), pen_width, character)
                for character in characters
            ]
            for font, characters in FONTS.items()
            for pen_width in PEN_WIDTHS
        ]
    )


def render_glyph(font: ImageFont.FreeTypeFont, pen_width: int, character: str) -> np.ndarray:
    """Render one character, fitted to MNIST's box and centred by its mass: (84, 84) uint8."""
    left, top, right, bottom = font.getbbox(character, stroke_width=pen_width)
    glyph = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(glyph).text((-left, -top), character, 255, font, stroke_width=pen_width)
    scale = BOX * OVERSAMPLING / max(glyph.size)
    glyph = glyph.resize([max(1, round(side * scale)) for side in glyph.size])

    row, column = center_of_mass(np.asarray(glyph, np.float64))
    middle = SIZE * OVERSAMPLING / 2
    canvas = Image.new("L", (SIZE * OVERSAMPLING, SIZE * OVERSAMPLING))
    canvas.paste(glyph, (round(middle - column), round(middle - row)))
    # `distort` picks single pixels of the glyph; the blur prevents aliasing.
    smooth = np.asarray(canvas.filter(ImageFilter.GaussianBlur(OVERSAMPLING * 0.4)))
    return np.pad(smooth[1:-1, 1:-1], 1)  # a black frame: positions outside repeat the edge


def center_of_mass(ink: np.ndarray) -> Sequence[float]:
    """The mean row and column of an image (height, width), weighted by its values."""
    return [np.average(np.indices(ink.shape)[axis], weights=ink) for axis in (0, 1)]


def distort(
    glyphs: np.ndarray, styles: np.ndarray, labels: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Make one distorted image for each pair of style and label.

    Args:
        glyphs: (styles, 10, 84, 84) uint8.
        styles, labels: (count,) integers.

    Returns:
        (count, 28, 28) uint8.
    """
    count = len(labels)

    def sample(limit: float | np.ndarray, *shape: int) -> np.ndarray:
        # Uniform, so that no image is distorted beyond recognition.
        return limit * (2 * random.random((count, *shape), np.float32) - 1)

    # Where each image pixel comes from, in pixels relative to the centre: (count, 28, 28).
    y, x = np.indices((SIZE, SIZE), np.float32) - (SIZE - 1) / 2
    angle, shear = sample(0.2, 1, 1), sample(0.4, 1, 1)
    scale_x, scale_y = 1.12 * np.exp(sample(0.12, 2, 1, 1)).swapaxes(0, 1)
    sheared = x + shear * y
    from_x = scale_x * (np.cos(angle) * sheared - np.sin(angle) * y)
    from_y = scale_y * (np.sin(angle) * sheared + np.cos(angle) * y)

    # A smooth random warp: a sum of cosine waves, weaker at shorter wavelengths. The first one is
    # constant: a shift, and a small one because MNIST's digits are centred.
    wave = np.arange(WAVES, dtype=np.float32)
    waves = np.cos(np.pi / SIZE * (np.arange(SIZE, dtype=np.float32)[:, None] + 0.5) * wave)
    strength = 1.5 / (1 + 0.2 * (wave**2 + wave[:, None] ** 2))
    strength[0, 0] = 0.5
    warp_x, warp_y = waves @ sample(strength, 2, WAVES, WAVES).swapaxes(0, 1) @ waves.T

    columns = nearest_pixel(from_x + warp_x)
    rows = nearest_pixel(from_y + warp_y)
    ink = glyphs[styles[:, None, None], labels[:, None, None], rows, columns]
    # The gain makes strokes fully white, as in MNIST; the blur has darkened the thin ones.
    return np.minimum(255, ink * np.float32(1.3)).astype(np.uint8)


def nearest_pixel(position: np.ndarray) -> np.ndarray:
    """Convert positions, in image pixels relative to the centre, into indices of glyph pixels."""
    side = SIZE * OVERSAMPLING
    return np.clip(position * OVERSAMPLING + side / 2, 0, side - 1).astype(np.intp)
