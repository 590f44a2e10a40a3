"""A picture of a digit, from any source, prepared as MNIST's digits were.

MNIST's makers fitted each digit into 20 × 20 pixels, keeping its proportions, smoothed by the
reduction, and put its centre of mass in the middle of 28 × 28, as white ink on black.
"""

import math
import warnings

import numpy as np
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from tf_lstm.drawn_digits import BOX, SIZE
from tf_lstm.errors import UserError

# Pillow hands some others to programs of their own, and any file may claim to be of any format.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
LARGEST_PIXELS = 50_000_000  # of a picture: half a gigabyte of memory at the most
WORKING_SIDE = 400  # pixels; a larger picture is reduced to that before anything is computed
RIM = 0.1  # ink as faint as this, of 1, still belongs to the digit
LEAST_STROKE = 1.7  # pixels of the 28; of MNIST's digits 5 % have thinner lines
LEAST_CONTRAST = 24  # grey levels of 255 between paper and ink


def prepare_digit(path):
    """Turn a picture of one digit into what the network reads: (28, 28) uint8, white on black.

    Dark ink on light paper or the reverse, of any size and colour mode, with or without
    transparency. If there are several frames, the first is taken.

    Raises:
        UserError: the file cannot be read, is no picture, is too large, or nothing is drawn on it.
    """
    ink = find_ink(*read_picture(path))
    if ink is None:
        raise UserError(f"{path} is blank: choose a picture with a digit on it.")
    return center(ink)


def read_picture(path):
    """Read a picture: its grey levels (height, width) 0..255, and its opacity 0..1, the same."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow finds large or odd is judged here
            with Image.open(path, formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > LARGEST_PIXELS:
                    raise UserError(
                        f"{path} is too large, {width:,} × {height:,} pixels: reduce it to "
                        f"{LARGEST_PIXELS:,} or fewer."
                    )
                picture.load()
                return split_grey_and_opacity(picture)
    except Image.DecompressionBombError as error:
        raise UserError(
            f"{path} is too large: reduce it to {LARGEST_PIXELS:,} pixels or fewer."
        ) from error
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is no picture: name a PNG or JPEG file, for example.") from error
    except UserError:
        raise
    except Exception as error:  # damage shows in Pillow as a dozen kinds of error
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise UserError(f"{path} cannot be read ({reason}): name another picture.") from error


def split_grey_and_opacity(picture):
    """Reduce a loaded `PIL.Image` to two arrays of floats: grey levels, and opacity."""
    factor = math.ceil(max(picture.size) / WORKING_SIDE)
    if picture.mode.startswith(("I", "F")):  # 16 bits or more: convert() would cut off, not scale
        grey = np.asarray(picture, np.float64)
        clear = picture.info.get("transparency")
        opacity = np.ones_like(grey) if clear is None else 1.0 * (grey != clear)
        low, high = grey.min(), grey.max()
        grey = 255 * (grey - low) / max(high - low, 1e-9) if high - low > 1e-9 else 0 * grey
        layers = [Image.fromarray(layer.astype(np.float32)) for layer in (grey, 255 * opacity)]
    else:
        picture = ImageOps.exif_transpose(picture).convert("RGBA")
        layers = [picture.convert("RGB").convert("L"), picture.getchannel("A")]
    grey, opacity = (np.asarray(layer.reduce(factor), np.float64) for layer in layers)
    return grey, opacity / 255


def find_ink(grey, opacity):
    """Tell ink from paper: (height, width) floats, 0 for paper to 1 for ink; None if it is blank.

    grey, opacity: as `read_picture` returns them.
    """
    solid = opacity > 0.5
    if solid.all():
        paper_like = grey
    elif not solid.any() or np.ptp(np.percentile(grey[solid], (2, 98))) < LEAST_CONTRAST:
        paper_like = 255 * (1 - opacity)  # one colour on nothing: the opacity is the drawing
    else:
        paper_like = np.where(solid, grey, np.median(grey[solid]))
    threshold = otsu_threshold(paper_like)
    light = paper_like > threshold
    if light.all() or not light.any():
        return None
    # Paper is what most of the picture's edge shows; ink is the rest.
    edge = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    is_ink = ~light if edge.mean() > 0.5 else light
    paper, ink = np.median(paper_like[~is_ink]), np.median(paper_like[is_ink])
    if abs(ink - paper) < LEAST_CONTRAST:
        return None
    depth = (paper_like - paper) / (ink - paper)
    # Shadows and grain of the paper: how far it typically is from its own median, several times.
    grain = min(6 * np.median(np.abs(depth[~is_ink])), 0.5)
    return np.clip((depth - grain) / (1 - grain), 0, 1)


def otsu_threshold(grey):
    """The grey level that best parts the dark from the light (Otsu 1979): whole, -1 to 255."""
    histogram = np.bincount(grey.astype(np.uint8).ravel(), minlength=256).astype(float)
    levels = np.arange(256)
    below, sum_below = np.cumsum(histogram), np.cumsum(histogram * levels)
    above, sum_above = below[-1] - below, sum_below[-1] - sum_below
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = below * above * (sum_below / below - sum_above / above) ** 2
    if not np.isfinite(spread).any():
        return -1
    # Between two peaks with nothing in between, every level is as good: take the middle one.
    best = np.nonzero(spread >= np.nanmax(spread) * (1 - 1e-9))[0]
    return int(best.mean())


def center(ink):
    """Crop ink (height, width) 0..1, fit it to MNIST's box, put its centre of mass in the middle.

    Returns (28, 28) uint8, the strongest ink 255.
    """
    rows, columns = (np.nonzero((ink > RIM).any(axis=axis))[0] for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    digit = Image.fromarray(np.round(255 * ink).astype(np.uint8))
    missing = (LEAST_STROKE / scale - stroke_width(ink)) / 2  # on each side of a line
    if missing >= 1:  # a fine pen's lines would nearly vanish; those of NIST's pens are thicker
        digit = ImageOps.expand(digit, round(missing))
        digit = digit.filter(ImageFilter.MaxFilter(2 * round(missing) + 1))
        scale = BOX / max(digit.size)
    size = [max(1, round(side * scale)) for side in digit.size]
    digit = digit.resize(size, Image.Resampling.BICUBIC)  # averages where it makes smaller

    mass = np.asarray(digit, np.float64)
    row, column = (np.average(np.indices(mass.shape)[axis], weights=mass) for axis in (0, 1))
    corner = [
        min(max(round(SIZE / 2 - middle), 0), SIZE - side)
        for middle, side in zip((column, row), digit.size, strict=True)
    ]
    canvas = Image.new("L", (SIZE, SIZE))
    canvas.paste(digit, tuple(corner))
    pixels = np.asarray(canvas, np.float64)
    return np.round(255 * pixels / pixels.max()).astype(np.uint8)


def stroke_width(ink):
    """How wide a line is on average, in pixels of `ink` (height, width) 0..1."""
    ink = np.pad(ink, 1)
    # A line's outline is twice its length. Counted along rows and columns it comes out 4 / pi times
    # too long, averaged over directions.
    outline = sum(np.abs(np.diff(ink, axis=axis)).sum() for axis in (0, 1)) * np.pi / 4
    return 2 * ink.sum() / outline
