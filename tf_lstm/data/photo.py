"""Converts a picture of a digit from any source to MNIST's format.

MNIST's makers scaled each digit to fit 20 × 20 pixels, keeping its proportions, which smoothed its
edges. They then put its centre of mass in the middle of 28 × 28 pixels, white ink on black.

The steps: read the file (`read_picture`), reduce colours and transparency to the brightness that
shows the ink best (`choose_brightness`), find the digit's ink (ink.py), centre it (`center`).
"""

import functools
import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from tf_lstm.data.files import SIZE
from tf_lstm.data.ink import LONG, SMALL, SOLID, Digit, find_digit, stroke_width
from tf_lstm.data.synthetic import BOX
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.startup import quiet_libraries

# Pillow passes some other formats to external programs, and the suffix does not limit the format.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
LARGEST_PIXELS = 50_000_000  # in a picture; they take at most half a gigabyte of memory
WORKING_SIDE = 512  # pixels; larger pictures are reduced to this size first
RIM = 0.1  # ink, 0 to 1; a digit's bounding box ends where its ink is fainter
LEAST_STROKE = 1.7  # pixels of the 28; 5 % of MNIST's digits have thinner lines


class Photo(NamedTuple):
    """A photo of a digit as the network expects it.

    Attributes:
        image: (28, 28) uint8, white on black.
        doubt: why it may be misread, or None.
    """

    image: np.ndarray
    doubt: str | None


def read_photo(path: str | Path) -> Photo:
    """Read a picture of one digit in the form that the network expects.

    The picture may have dark ink on light paper or the reverse, any size and colour mode, and
    transparency. Of several frames, the first is used.

    Raises:
        UserError: the file cannot be read, is not a picture, is too large, is blank, or has two
            digits.
    """
    brightness = choose_brightness(*read_picture(path))
    digit, doubt = best_reading(brightness), None
    if digit is None:
        margin = np.median(brightness)
        digit = best_reading(np.pad(brightness, 2, constant_values=margin))
        doubt = "the digit touches the edge of the picture"
    if digit is None:
        raise UserError(f"{path} is blank: choose a picture with a digit on it.")
    if digit.twin:
        raise UserError(f"{path} shows more than one digit: crop it to one.")
    return Photo(center(digit.ink), doubt or digit.doubt)


def best_reading(brightness: np.ndarray) -> Digit | None:
    """The digit in dark ink or in light ink, whichever is rather made of lines.

    The wrong reading finds pieces of paper between the lines, such as the inside of a 0.
    """
    dark = find_digit(brightness)
    if dark and dark.length == LONG and dark.extent > min(brightness.shape) / 5:
        return dark
    found = [each for each in (dark, find_digit(1 - brightness)) if each is not None]
    return max(found, key=lambda each: (each.length, each.extent), default=None)


def read_picture(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a picture, and reduce it to `WORKING_SIDE`.

    Returns:
        colours: (1 or 3, height, width) from 0 to 1.
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
                return split_colours_and_opacity(picture)
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(too_large) from error
    except UnidentifiedImageError as error:
        what = "an HEIC or AVIF picture" if is_heif(path) else "not a picture"
        raise UserError(f"{path} is {what}: name a PNG or JPEG, for example.") from error
    except Exception as error:  # Pillow reports damage by a dozen exception types
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise UserError(f"{path} cannot be read ({reason}): name another picture.") from error


def is_heif(path: str | Path) -> bool:
    """Whether a file is in the format of many phones' photos, HEIC, or in the related AVIF."""
    with open(path, "rb") as file:
        start = file.read(12)
    return start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"avif")


def split_colours_and_opacity(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Reduce a loaded picture to colours and opacity, as `read_picture` returns them."""
    if picture.mode.startswith(("I", "F")):  # 16 bits or more: convert() clips instead of scaling
        grey = np.asarray(picture, np.float64)
        transparent = picture.info.get("transparency")
        opacity = np.ones_like(grey) if transparent is None else 1.0 * (grey != transparent)
        low, high = grey.min(), grey.max()
        grey = (grey - low) / (high - low) if high - low > 1e-9 else 0 * grey
        layers = [Image.fromarray(np.uint8(np.round(255 * each))) for each in (grey, opacity)]
    else:
        picture = ImageOps.exif_transpose(picture)
        is_grey = picture.mode in ("1", "L", "LA") and "transparency" not in picture.info
        layers = [*picture.convert("LA" if is_grey else "RGBA").split()]
    factor = max(max(layers[0].size) / WORKING_SIDE, 1)
    size = tuple(max(1, round(side / factor)) for side in layers[0].size)
    layers = [without_isolated_pixels(each).resize(size, Image.Resampling.BOX) for each in layers]
    *colours, opacity = (np.asarray(each, np.float32) / 255 for each in layers)
    return np.stack(colours), opacity


def without_isolated_pixels(layer: Image.Image) -> Image.Image:
    """Remove salt-and-pepper noise: no pixel is left darker or lighter than all its neighbours."""
    if min(layer.size) <= SMALL:
        return layer
    pixels = np.pad(np.asarray(layer), 1, mode="reflect")
    height, width = layer.size[::-1]
    places = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
    neighbours = [pixels[row : row + height, column : column + width] for row, column in places]
    low, high = (functools.reduce(each, neighbours) for each in (np.minimum, np.maximum))
    return Image.fromarray(np.clip(pixels[1:-1, 1:-1], low, high))


def choose_brightness(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """The brightness in which ink and paper differ most.

    Args:
        colours, opacity: as `read_picture` returns them.

    Returns:
        (height, width) floats from 0 to 1.
    """
    opaque = opacity > 0.5
    if not opaque.any():
        return np.ones_like(opacity)
    if not opaque.all():
        rows, columns = np.nonzero(opaque)
        extent = max(np.ptp(rows), np.ptp(columns)) + 1
        if stroke_width(opacity) < SOLID * extent:  # lines on a transparent ground, of any colours
            return 1 - opacity
        paper = np.median(colours[:, opaque], axis=1)
        colours = np.where(opaque, colours, paper[:, np.newaxis, np.newaxis])
    if len(colours) == 1:
        return colours[0]
    # The first principal component of the details, without the large differences of light.
    details = np.stack([(each - smooth(each)).ravel() for each in colours])
    weights = np.linalg.eigh(details @ details.T)[1][:, -1]
    weights *= np.sign(weights.sum()) / np.abs(weights).sum()
    parts = [
        weight * each if weight > 0 else -weight * (1 - each)
        for weight, each in zip(weights, colours, strict=True)
    ]
    return np.sum(parts, axis=0)


def smooth(image: np.ndarray) -> np.ndarray:
    """A strongly blurred image (height, width): reduced to about 20 pixels and enlarged again."""
    picture = Image.fromarray(image)
    small = [max(1, round(20 * side / max(picture.size))) for side in picture.size]
    reduced = picture.resize(small, Image.Resampling.BOX)
    return np.asarray(reduced.resize(picture.size, Image.Resampling.BICUBIC))


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
