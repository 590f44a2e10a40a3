"""Converts a picture of a digit from any source to MNIST's format.

MNIST's makers scaled each digit to fit 20 × 20 pixels, keeping its proportions, which smoothed its
edges. They then put its centre of mass in the middle of 28 × 28 pixels, white ink on black.
"""

import math
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from tf_lstm.data.files import SIZE
from tf_lstm.data.synthetic import BOX
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.startup import quiet_libraries

# Pillow passes some other formats to external programs, and the suffix does not limit the format.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
LARGEST_PIXELS = 50_000_000  # in a picture; they take at most half a gigabyte of memory
WORKING_SIDE = 400  # pixels; larger pictures are reduced to this size first
RIM = 0.1  # ink, 0 to 1; a digit's bounding box ends where its ink is fainter
LEAST_STROKE = 1.7  # pixels of the 28; 5 % of MNIST's digits have thinner lines
LEAST_CONTRAST = 24  # grey levels of 255 between paper and ink


def prepare_photo(path: str | Path) -> np.ndarray:
    """Read a picture of one digit in the form that the network expects.

    The picture may have dark ink on light paper or the reverse, any size and colour mode, and
    transparency. Of several frames, the first is used.

    Returns:
        (28, 28) uint8, white on black.

    Raises:
        UserError: the file cannot be read, is not a picture, is too large, or is blank.
    """
    ink = find_ink(*read_picture(path))
    if ink is None:
        raise UserError(f"{path} is blank: choose a picture with a digit on it.")
    return center(ink)


def read_picture(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a picture.

    Returns:
        grey: (height, width) from 0 to 255.
        opacity: (height, width) from 0 to 1.
    """
    too_large = f"{path} is too large: reduce it to {LARGEST_PIXELS:,} pixels or fewer."
    try:
        # The warnings of Pillow and the messages of libtiff are replaced by the checks here.
        with warnings.catch_warnings(), quiet_libraries():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as picture:
                if math.prod(picture.size) > LARGEST_PIXELS:
                    raise UserError(too_large)
                picture.load()
                if picture.mode == "F" and not np.isfinite(np.asarray(picture)).all():
                    raise UserError(f"{path} has NaN or infinite pixels: name another picture.")
                return split_grey_and_opacity(picture)
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(too_large) from error
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is not a picture: name a PNG or JPEG, for example.") from error
    except Exception as error:  # Pillow reports damage by a dozen exception types
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise UserError(f"{path} cannot be read ({reason}): name another picture.") from error


def split_grey_and_opacity(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Reduce a loaded picture to grey levels and opacity, as `read_picture` returns them."""
    factor = math.ceil(max(picture.size) / WORKING_SIDE)
    if picture.mode.startswith(("I", "F")):  # 16 bits or more: convert() clips instead of scaling
        grey = np.asarray(picture, np.float64)
        transparent = picture.info.get("transparency")
        opacity = np.ones_like(grey) if transparent is None else 1.0 * (grey != transparent)
        low, high = grey.min(), grey.max()
        grey = 255 * (grey - low) / max(high - low, 1e-9) if high - low > 1e-9 else 0 * grey
        layers = [Image.fromarray(layer.astype(np.float32)) for layer in (grey, 255 * opacity)]
    else:
        picture = ImageOps.exif_transpose(picture).convert("RGBA")
        layers = [picture.convert("RGB").convert("L"), picture.getchannel("A")]
    grey, opacity = (np.asarray(layer.reduce(factor), np.float64) for layer in layers)
    return grey, opacity / 255


def find_ink(grey: np.ndarray, opacity: np.ndarray) -> np.ndarray | None:
    """Separate ink from paper.

    Args:
        grey, opacity: as `read_picture` returns them.

    Returns:
        (height, width) floats from 0 for paper to 1 for ink; None if the picture is blank.
    """
    opaque = opacity > 0.5
    if opaque.all():
        brightness = grey
    elif not opaque.any() or np.ptp(np.percentile(grey[opaque], (2, 98))) < LEAST_CONTRAST:
        brightness = 255 * (1 - opacity)  # one colour on a transparent ground: opacity is the ink
    else:
        brightness = np.where(opaque, grey, np.median(grey[opaque]))
    light = brightness > otsu_threshold(brightness)
    if light.all() or not light.any():
        return None
    # Paper is what most of the picture's edge shows; ink is the rest.
    edge = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    is_ink = ~light if edge.mean() > 0.5 else light
    paper, ink = np.median(brightness[~is_ink]), np.median(brightness[is_ink])
    if abs(ink - paper) < LEAST_CONTRAST:
        return None
    depth = (brightness - paper) / (ink - paper)
    # Shadows and the paper's grain: several times the median deviation of the paper.
    grain = min(6 * np.median(np.abs(depth[~is_ink])), 0.5)
    return np.clip((depth - grain) / (1 - grain), 0, 1)


def otsu_threshold(grey: np.ndarray) -> int:
    """The grey level that best separates dark from light (Otsu 1979), or -1 for a uniform image."""
    histogram = np.bincount(grey.astype(np.uint8).ravel(), minlength=256).astype(float)
    levels = np.arange(256)
    below, sum_below = np.cumsum(histogram), np.cumsum(histogram * levels)
    above, sum_above = below[-1] - below, sum_below[-1] - sum_below
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = below * above * (sum_below / below - sum_above / above) ** 2
    if not np.isfinite(spread).any():
        return -1
    # All levels between two separate peaks are equally good: take the middle one.
    best = np.nonzero(spread >= np.nanmax(spread) * (1 - 1e-9))[0]
    return int(best.mean())


def center(ink: np.ndarray) -> np.ndarray:
    """Crop ink, scale it to MNIST's box, and put its centre of mass in the middle.

    Args:
        ink: (height, width) from 0 to 1.

    Returns:
        (28, 28) uint8; the strongest ink is 255.
    """
    rows, columns = (np.nonzero((ink > RIM).any(axis=axis))[0] for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    digit = Image.fromarray(np.round(255 * ink).astype(np.uint8))
    missing = (LEAST_STROKE / scale - stroke_width(ink)) / 2  # on each side of a line
    if missing >= 1:  # lines of a fine pen would nearly vanish; NIST's pens were thicker
        digit = ImageOps.expand(digit, round(missing))
        digit = digit.filter(ImageFilter.MaxFilter(2 * round(missing) + 1))
        scale = BOX / max(digit.size)
    size = [max(1, round(side * scale)) for side in digit.size]
    digit = digit.resize(size, Image.Resampling.BICUBIC)  # it averages when it reduces

    pixels = np.asarray(digit, np.float64)
    row, column = (np.average(np.indices(pixels.shape)[axis], weights=pixels) for axis in (0, 1))
    corner = [
        min(max(round(SIZE / 2 - middle), 0), SIZE - side)
        for middle, side in zip((column, row), digit.size, strict=True)
    ]
    canvas = Image.new("L", (SIZE, SIZE))
    canvas.paste(digit, tuple(corner))
    pixels = np.asarray(canvas, np.float64)
    return np.round(255 * pixels / pixels.max()).astype(np.uint8)


def stroke_width(ink: np.ndarray) -> float:
    """The average width of a line, in pixels of `ink` (height, width) from 0 to 1."""
    ink = np.pad(ink, 1)
    # A line's outline is twice its length. Counted along rows and columns, it comes out 4 / pi
    # times too long, averaged over directions.
    outline = sum(np.abs(np.diff(ink, axis=axis)).sum() for axis in (0, 1)) * np.pi / 4
    return 2 * ink.sum() / outline
