"""Digits drawn from fonts, in MNIST's format: something to learn from when MNIST is out of reach.

Every glyph is drawn once, large, in a few pen widths. Each image then picks a glyph and bends it:
rotated, slanted, stretched, shifted and gently warped, so that no two images are alike.
"""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = 28  # pixels along each side of an image
BOX = 20  # the digit itself fits a box of this size, as in MNIST
OVERSAMPLING = 3  # a drawn glyph has this many pixels along each side of a pixel of the image
CHUNK = 500  # images bent at once: few enough for the processor's cache
WAVES = 4  # the warp is made of this many cosine waves in each direction

# Fonts that come with matplotlib, each with its characters for 0 to 9. A bare bar (l or |) is how
# most people write a 1. DejaVu's typewriter fonts are left out: their 0 has a bar inside.
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
PEN_WIDTHS = (0, 1, 3)  # added around the outline of a glyph of 100 pixels


def draw_digits(count, seed):
    """Draw digits that resemble MNIST's; the same seed draws the same digits.

    Returns images (count, 28, 28) uint8, white (255) on black (0), and labels (count,) int32,
    every digit equally often (give or take one), shuffled.
    """
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10).astype(np.int32)
    glyphs = draw_glyphs()
    images = np.empty((count, SIZE, SIZE), np.uint8)
    for start in range(0, count, CHUNK):
        chunk_labels = labels[start : start + CHUNK]
        styles = random.integers(len(glyphs), size=len(chunk_labels))
        images[start : start + CHUNK] = bend(glyphs, styles, chunk_labels, random)
    return images, labels


def draw_glyphs():
    """Draw every digit in every style (a font and a pen width): (styles, 10, 84, 84) uint8."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return np.array(
        [
            [
                draw_glyph(ImageFont.truetype(folder / font, 100), pen_width, character)
                for character in characters
            ]
            for font, characters in FONTS.items()
            for pen_width in PEN_WIDTHS
        ]
    )


def draw_glyph(font, pen_width, character):
    """Draw one character, fitted to MNIST's box and centred by its mass: (84, 84) uint8."""
    left, top, right, bottom = font.getbbox(character, stroke_width=pen_width)
    glyph = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(glyph).text((-left, -top), character, 255, font, stroke_width=pen_width)
    scale = BOX * OVERSAMPLING / max(glyph.size)
    glyph = glyph.resize([max(1, round(side * scale)) for side in glyph.size])

    ink = np.asarray(glyph, np.float64)
    row, column = (np.average(np.indices(ink.shape)[axis], weights=ink) for axis in (0, 1))
    middle = SIZE * OVERSAMPLING / 2
    canvas = Image.new("L", (SIZE * OVERSAMPLING, SIZE * OVERSAMPLING))
    canvas.paste(glyph, (round(middle - column), round(middle - row)))
    # The blur is what makes picking single pixels out of the glyph look smooth (no aliasing).
    smooth = np.asarray(canvas.filter(ImageFilter.GaussianBlur(OVERSAMPLING * 0.4)))
    return np.pad(smooth[1:-1, 1:-1], 1)  # a black frame: what lies outside repeats the edge


def bend(glyphs, styles, labels, random):
    """Draw one image for each pair of style and label: (count, 28, 28) uint8."""
    count = len(labels)

    def within(limit, *shape):  # uniform, so that nothing is bent beyond recognition
        return limit * (2 * random.random((count, *shape), np.float32) - 1)

    # Where each pixel of the image comes from: x and y, measured in pixels from the middle.
    y, x = np.indices((SIZE, SIZE), np.float32) - (SIZE - 1) / 2
    angle, slant = within(0.2, 1, 1), within(0.4, 1, 1)
    stretch_x, stretch_y = 1.12 * np.exp(within(0.12, 2, 1, 1)).swapaxes(0, 1)
    slanted = x + slant * y
    from_x = stretch_x * (np.cos(angle) * slanted - np.sin(angle) * y)
    from_y = stretch_y * (np.sin(angle) * slanted + np.cos(angle) * y)

    # A smooth random warp: cosine waves, the shorter the weaker. The first is flat: a plain shift,
    # and a small one, because MNIST centres its digits too.
    wave = np.arange(WAVES, dtype=np.float32)
    waves = np.cos(np.pi / SIZE * (np.arange(SIZE, dtype=np.float32)[:, None] + 0.5) * wave)
    strength = 1.5 / (1 + 0.2 * (wave**2 + wave[:, None] ** 2))
    strength[0, 0] = 0.5
    warp_x, warp_y = waves @ within(strength, 2, WAVES, WAVES).swapaxes(0, 1) @ waves.T

    columns = nearest_pixel(from_x + warp_x)
    rows = nearest_pixel(from_y + warp_y)
    ink = glyphs[styles[:, None, None], labels[:, None, None], rows, columns]
    # The gain makes strokes white all through, as in MNIST; the blur had greyed the thin ones.
    return np.minimum(255, ink * np.float32(1.3)).astype(np.uint8)


def nearest_pixel(position):
    """Turn positions measured from the middle of the image into indices of a glyph's pixels."""
    side = SIZE * OVERSAMPLING
    return np.clip(position * OVERSAMPLING + side / 2, 0, side - 1).astype(np.intp)
