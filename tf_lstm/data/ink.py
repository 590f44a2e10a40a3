"""Finds the ink of one digit in a photo, among uneven light, printed lines, a desk and dirt.

`find_digit` takes these steps, each a function: the depth of the ink relative to the local paper;
a threshold; printed lines removed; connected components; which of them are the digit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LEAST_CONTRAST = 0.09  # between ink and paper, relative to the paper's brightness
BROADEST_LINE = 0.25  # of the picture's smaller side; anything broader is background
DARKEST_PAPER = 0.25  # of the brightest; without a limit, the noise of a dark desk looks like ink
# Width of a printed line, relative to the picture's smaller side. A pen's line may be as broad as a
# broad one, so narrow ones are removed first.
NARROW_LINE, BROAD_LINE = 0.02, 0.05
STEEPEST = 0.06  # slope of a printed line: 3.4 degrees
LEAST_COVERED = 0.7  # part of a printed line that must be dark where no broader ink hides it
SOLID = 0.45  # line width relative to extent; a spot's is larger, and no digit's of MNIST's
SURROUNDINGS = 1 / 6  # of the picture's smaller side, the least that is looked at around a part
SMALL = 60  # pixels; in a smaller picture, single pixels are parts of a line
LONG = 10  # line widths; most digits' lines are longer

Extremum = Callable[[np.ndarray, np.ndarray], np.ndarray]  # np.maximum or np.minimum


@dataclass(frozen=True, eq=False)  # compared by identity
class Component:
    """Connected pixels of ink."""

    rows: np.ndarray
    columns: np.ndarray
    box: tuple[int, int, int, int]  # top, left, bottom, right; the last two are excluded

    @property
    def height(self) -> int:
        return self.box[2] - self.box[0]

    @property
    def extent(self) -> int:
        """The larger side of the bounding box."""
        return max(self.height, self.box[3] - self.box[1])


class Digit(NamedTuple):
    """A digit found in a picture.

    Attributes:
        ink: (height, width) floats from 0 for paper to 1 for ink.
        length: of its lines, in line widths, up to `LONG`.
        extent: the larger side of its main component.
        twin: whether there is a second component like it.
        doubt: why it may be misread, or None.
    """

    ink: np.ndarray
    length: float
    extent: int
    twin: bool
    doubt: str | None


def find_digit(brightness: np.ndarray) -> Digit | None:
    """Find a digit in dark ink on lighter paper.

    Args:
        brightness: (height, width) from 0 to 1.

    Returns:
        The digit, or None if there is none.
    """
    depth = ink_depth(brightness)
    noise = 6 * float(np.median(np.abs(depth)))
    grain = max(noise, LEAST_CONTRAST)
    # If no digit is found without the narrow lines, the broad ones are removed too. What touches
    # the picture's edge, such as a desk, may be darker than the ink: if there is still no digit,
    # it is discarded, and the threshold is chosen for the rest.
    for line_width in (NARROW_LINE, BROAD_LINE, BROAD_LINE, BROAD_LINE):
        if not (depth > grain).any():
            return None
        threshold = ink_threshold(depth, grain)
        cleaned = remove_lines(depth, max(0.6 * threshold, grain), line_width)
        components = connected_components(cleaned > threshold)
        inside = [each for each in components if not touches_edge(each, brightness.shape)]
        if chosen := choose_components(inside, brightness):
            break
        if line_width == BROAD_LINE:
            depth = np.where(grow(paint(components, depth.shape), 2), 0, depth)
    else:
        return None
    is_ink = paint(chosen, depth.shape)
    level = float(np.median(depth[is_ink]))
    paper = min(noise if min(depth.shape) <= SMALL else grain, level / 2)
    ink = np.clip((cleaned - paper) / (level - paper), 0, 1) * grow(is_ink, 2)
    length = min(float(is_ink.sum()) / stroke_width(is_ink) ** 2, LONG)
    main, *parts = chosen
    others = [each for each in inside if each not in chosen and resemble(each, main)]
    others = [each for each in others if not surrounds(each, main)]
    twins = [each for each in (*others, *parts) if are_two_digits(each, main)]
    has_twin = any(looks_like_ink(each, brightness) for each in twins)
    return Digit(ink, length, main.extent, has_twin, doubt_about(others, level, noise))


def ink_threshold(depth: np.ndarray, grain: float) -> float:
    """The depth above which a pixel is ink; below, it may be a shadow or a light printed line."""
    threshold = otsu_threshold(255 * depth[depth > grain].clip(0, 1)) / 255
    # If all that is dark is ink, Otsu's threshold would split the ink.
    return max(min(threshold, float(depth.max()) / 2), grain)


def doubt_about(others: list[Component], level: float, noise: float) -> str | None:
    """Why a digit may be misread.

    Args:
        others: components of similar size that are no parts of it.
        level: the depth of its ink.
        noise: the depth that the paper's grain may reach.
    """
    if others:
        return "there is something else of similar size in it"
    if level < 2 * LEAST_CONTRAST:
        return "the ink differs little from the paper"
    return "the paper is not uniform" if noise > level / 3 else None


# ---- Background


def ink_depth(brightness: np.ndarray) -> np.ndarray:
    """How much darker each pixel is than the paper around it: 0 for paper, 1 for black.

    The paper is a morphological closing: dark lines narrower than a window are filled. A desk is
    broader than the window, so it is background too. Light falls off over more than a window.
    """
    smaller_side = min(brightness.shape)
    window = 2 * round(BROADEST_LINE * smaller_side / 2) + 1
    speck = 5 if smaller_side > SMALL else 1  # light specks would raise a whole window
    paper = running(np.maximum, running(np.minimum, brightness, speck), speck)
    paper = running(np.minimum, running(np.maximum, paper, window), window)
    depth = (paper - brightness) / np.maximum(paper, DARKEST_PAPER * paper.max() + 1e-9)
    return depth - np.median(depth)  # grain: the lightest pixels of a window are above the mean


def running(extremum: Extremum, image: np.ndarray, window: int) -> np.ndarray:
    """The extremum in a square window around each pixel of an image (height, width)."""
    return running_rows(extremum, running_rows(extremum, image, window).T, window).T


def running_rows(extremum: Extremum, image: np.ndarray, window: int) -> np.ndarray:
    """The extremum in a window of `window` columns, an odd number, around each pixel."""
    image = np.pad(image, ((0, 0), (window // 2, window // 2)), mode="edge")
    covered = 1
    while covered < window:  # the extremum of two windows is that of their union
        step = min(covered, window - covered)
        image = extremum(image[:, :-step], image[:, step:])
        covered += step
    return image


def grow(mask: np.ndarray, radius: int) -> np.ndarray:
    """A mask, extended by `radius` pixels in all directions."""
    return running(np.maximum, mask, 2 * radius + 1)


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


# ---- Lines of ruled or squared paper


def remove_lines(depth: np.ndarray, threshold: float, line_width: float) -> np.ndarray:
    """Set straight thin lines from edge to edge to 0, except where a stroke crosses them."""
    dark = depth > threshold
    return np.where(level_lines(dark, line_width) | level_lines(dark.T, line_width).T, 0, depth)


def level_lines(dark: np.ndarray, line_width: float) -> np.ndarray:
    """Where nearly horizontal lines run through the whole of a mask (height, width)."""
    height, width = dark.shape
    thicker = 2 * round(line_width * min(height, width) / 2) + 3
    upright = dark.T
    strokes = running_rows(np.minimum, upright, thicker)
    strokes = running_rows(
        np.maximum, strokes, thicker
    ).T  # vertical runs longer than a line is wide
    thin = dark & ~strokes
    near = running_rows(np.maximum, thin.T, 5).T
    on_line = np.zeros(dark.shape, bool)
    columns, start = np.arange(width), np.arange(height)[:, np.newaxis]
    some = columns[::8]  # enough to find a line
    for slope in np.arange(-STEEPEST, STEEPEST, 3 / width):
        shift = np.round(slope * (columns - width / 2)).astype(int)
        rows = start + shift[some]
        free = (rows >= 0) & (rows < height)
        rows = rows.clip(0, height - 1)
        free &= ~strokes[rows, some]
        covered = (near[rows, some] & free).sum(axis=1)
        needed = LEAST_COVERED * np.maximum(free.sum(axis=1), len(some) / 3)
        for first in np.nonzero(covered > needed)[0]:
            rows = first + shift
            within = (rows >= 0) & (rows < height)
            on_line[rows[within], columns[within]] = True
    on_line, edges, strokes = (
        running_rows(np.maximum, each.T, reach).T
        for each, reach in ((on_line, 5), (thin, 5), (strokes, 3))
    )
    return on_line & edges & ~strokes


# ---- Components


def connected_components(mask: np.ndarray) -> list[Component]:
    """The connected parts of a mask (height, width); diagonal neighbours are connected too."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return []
    number = np.full(np.add(mask.shape, 2), -1)  # of each pixel, with a rim of -1
    number[rows + 1, columns + 1] = label = np.arange(len(rows))
    pairs = []
    for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
        neighbour = number[rows + 1 + down, columns + 1 + right]
        pairs.append(np.stack([np.nonzero(neighbour >= 0)[0], neighbour[neighbour >= 0]]))
    first, second = np.concatenate(pairs, axis=1)
    # A label is the number of a pixel in the same part. Both ends of a pair get the smaller label,
    # and so does the pixel that the larger one names; then each label is replaced by its label.
    while (label[first] != label[second]).any():
        smaller = np.minimum(label[first], label[second])
        for end in (first, second):
            np.minimum.at(label, label[end], smaller)
        label = label[label]
    order = np.argsort(label, kind="stable")
    parts = np.split(order, np.nonzero(np.diff(label[order]))[0] + 1)
    return [make_component(rows[part], columns[part]) for part in parts]


def make_component(rows: np.ndarray, columns: np.ndarray) -> Component:
    """The component of these pixels; `rows` is in ascending order."""
    box = (rows[0], columns.min(), rows[-1] + 1, columns.max() + 1)
    return Component(rows, columns, (int(box[0]), int(box[1]), int(box[2]), int(box[3])))


def paint(components: list[Component], shape: tuple[int, ...]) -> np.ndarray:
    """A mask (height, width) of these components."""
    mask = np.zeros(shape, bool)
    for each in components:
        mask[each.rows, each.columns] = True
    return mask


def own_mask(part: Component) -> np.ndarray:
    """A mask of a component's bounding box."""
    mask = np.zeros((part.height, part.box[3] - part.box[1]), bool)
    mask[part.rows - part.box[0], part.columns - part.box[1]] = True
    return mask


def touches_edge(part: Component, shape: tuple[int, ...]) -> bool:
    """Whether a component touches the edge of the picture: a desk, a scanner's edge, a frame."""
    return min(part.box[:2]) == 0 or any(np.equal(part.box[2:], shape))


def choose_components(components: list[Component], brightness: np.ndarray) -> list[Component]:
    """The components of the digit, the largest first; an empty list if none looks like ink."""
    left = sorted(components, key=lambda each: -each.extent)
    while left:
        main, *left = left
        framed = any(surrounds(main, each) for each in left if each.extent > main.extent / 4)
        if not framed and looks_like_ink(main, brightness):
            break
    else:
        return []
    chosen, box = [main], main.box
    added = True
    while added:  # a broken line: each part may be near another part only
        added = False
        for part in left:
            if part not in chosen and belongs(part, box, main):
                chosen.append(part)
                low, high = np.minimum(box, part.box), np.maximum(box, part.box)
                box, added = (*low[:2], *high[2:]), True
    return chosen


def surrounds(frame: Component, part: Component) -> bool:
    """Whether a frame has ink on all four sides of a part."""
    top, left, bottom, right = part.box
    on_row = frame.columns[frame.rows == (top + bottom) // 2]
    on_column = frame.rows[frame.columns == (left + right) // 2]
    sides = (on_row < left, on_row >= right, on_column < top, on_column >= bottom)
    return all(side.any() for side in sides)


def looks_like_ink(part: Component, brightness: np.ndarray) -> bool:
    """Whether a component consists of lines, darker than what is around them, with sharp edges.

    A shadow or a glare is soft, and a piece of paper between a digit and a desk has something
    dark on one side only. The paper within a drawn box, or among strokes, is as light as that
    further away.
    """
    margin = max(part.extent // 2, round(SURROUNDINGS * min(brightness.shape))) + 2
    top, left = max(part.box[0] - margin, 0), max(part.box[1] - margin, 0)
    window = brightness[top : part.box[2] + margin, left : part.box[3] + margin]
    own = np.zeros(window.shape, bool)
    own[part.rows - top, part.columns - left] = True
    ink = np.median(window[own])
    contrast = np.median(window[~own]) - ink
    width = stroke_width(own)
    if contrast < LEAST_CONTRAST / 2 or width > SOLID * part.extent:
        return False
    if part.extent < 28:  # too small to have a rim
        return True
    rim = grow(own, max(round(width / 2), 2)) & ~grow(own, max(round(width / 4), 1))
    return bool((window[rim] > ink + 0.4 * contrast).mean() > 0.75)


def belongs(part: Component, box: tuple[int, ...], main: Component) -> bool:
    """Whether a component is a part of the digit whose bounding box is `box`, and no speck."""
    gap = distance(part.box, box)
    least, farthest = (0.015, 0) if gap == 0 else (0.06, 0.15)
    if len(part.rows) < least * len(main.rows) or gap > farthest * main.extent:
        return False
    return stroke_width(own_mask(part)) < SOLID * part.extent


def distance(box: tuple[int, ...], other: tuple[int, ...]) -> int:
    """The horizontal or vertical distance of two bounding boxes, whichever is larger."""
    return max(max(other[k] - box[k + 2], box[k] - other[k + 2], 0) for k in (0, 1))


def resemble(part: Component, main: Component) -> bool:
    """Whether the size of a component is that of a second digit."""
    return part.extent > 0.6 * main.extent and len(part.rows) > 0.3 * len(main.rows)


def are_two_digits(part: Component, main: Component) -> bool:
    """Whether two components are digits side by side or far apart, not the parts of one digit."""
    apart = part.box[1] >= main.box[3] or part.box[3] <= main.box[1]
    beside = apart and part.height > 0.75 * main.height
    far = distance(part.box, main.box) > main.extent / 2
    return resemble(part, main) and (beside or far)


def stroke_width(ink: np.ndarray) -> float:
    """The average width of a line, in pixels of `ink` (height, width) from 0 to 1."""
    ink = np.pad(ink, 1).astype(np.float64)
    # A line's outline is twice its length. Counted along rows and columns, it comes out 4 / pi
    # times too long, averaged over directions.
    outline = sum(np.abs(np.diff(ink, axis=axis)).sum() for axis in (0, 1)) * np.pi / 4
    return float(2 * ink.sum() / outline)
