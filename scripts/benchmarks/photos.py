"""Measure how well photos and scans of digits are read, each with one disturbance.

The pictures are made of MNIST's images, enlarged and smoothed, at a random size and place on a
sheet of paper. They are read as `plot_row_predictions.py --image` reads them.
"""

import argparse
import io
import re
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tf_lstm.data.photo import read_photo
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown
from tf_lstm.terminal.flags import FlagParser, number
from tf_lstm.terminal.startup import cores, import_tensorflow
from tf_lstm.terminal.tables import markdown_table

Random = np.random.Generator


class Sheet(NamedTuple):
    """A digit on a sheet of paper."""

    ink: np.ndarray  # (height, width) from 0 for paper to 1 for ink
    box: tuple[int, int, int, int]  # of the digit: left, top, right, bottom
    line: float  # about the width of the pen's line, in pixels


def make_sheet(
    image: np.ndarray,
    random: Random,
    share: tuple[float, float] = (0.25, 0.7),
    degrees: float = 3.0,
    fine: bool = False,
    size: tuple[int, int] = (300, 1500),
) -> Sheet:
    """A digit on a sheet of paper.

    Args:
        image: (28, 28) uint8.
        random: the source of the size, the place and the angle.
        share: limits of the digit's larger side, relative to the sheet's smaller side.
        degrees: the largest angle by which the digit is rotated.
        fine: thin lines, as of a pencil.
        size: limits of the larger side, in pixels.
    """
    larger = int(random.integers(*size))
    sides = larger, max(random.uniform(0.6, 1) * larger, size[0])
    height, width = map(int, random.permutation(sides))
    pixel = random.uniform(*share) * min(width, height) / 20  # MNIST's digits fill 20 pixels
    side = round(28 * pixel)
    large = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    large = large.rotate(random.uniform(-degrees, degrees), Image.Resampling.BICUBIC)
    large = large.filter(ImageFilter.GaussianBlur(0.6 * pixel))
    grey = np.asarray(large) / 255
    if fine:  # keep the ridge of the lines
        ridge = large.filter(ImageFilter.MaxFilter(2 * round(0.75 * pixel) + 1))
        grey = grey * (grey > 0.8 * np.asarray(ridge) / 255)
        lines = Image.fromarray(np.uint8(np.round(255 * grey)))
        grey = np.asarray(lines.filter(ImageFilter.GaussianBlur(0.7))) / 255 * 1.5
    edge = max(pixel / 2, 1)  # the ink's edge is about 2 pixels wide
    grey = np.clip((grey - 0.4) * edge + 0.5, 0, 1)
    rows, columns = (np.nonzero((grey > 0.5).any(axis=axis))[0] for axis in (1, 0))
    grey = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    free = [max(whole - part, 0) for whole, part in zip((height, width), grey.shape, strict=True)]
    top, left = (int(random.uniform(0.08, 0.92) * each) for each in free)
    ink = np.zeros((height, width), np.float32)
    ink[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    box = (left, top, left + grey.shape[1], top + grey.shape[0])
    return Sheet(ink, box, 0.7 if fine else 2.5 * pixel)


# ---- Light, lines and dirt, as (height, width) floats


def falling(shape: tuple[int, ...], random: Random) -> np.ndarray:
    """A ramp from 0 on one side to 1 on the other, in a random direction."""
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    ramp = np.cos(angle) * rows / shape[0] + np.sin(angle) * columns / shape[1]
    return (ramp - ramp.min()) / np.ptp(ramp)


def blob(shape: tuple[int, ...], random: Random, size: tuple[float, float]) -> np.ndarray:
    """A soft ellipse: 1 inside, 0 outside."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    middle, radius = random.uniform(0, shape), random.uniform(*size, 2) * shape
    distance = np.hypot((rows - middle[0]) / radius[0], (columns - middle[1]) / radius[1])
    return 1 / (1 + np.exp((distance - 1) / random.uniform(0.08, 0.2)))


def ruling(shape: tuple[int, ...], random: Random, spacing: float, squared: bool) -> np.ndarray:
    """The lines of ruled or squared paper, slightly rotated: 1 on a line."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    angle, width = np.radians(random.uniform(-2, 2)), max(spacing * random.uniform(0.03, 0.07), 1)
    across = [np.cos(angle) * rows - np.sin(angle) * columns]
    if squared:
        across.append(np.cos(angle) * columns + np.sin(angle) * rows)
    lines = np.zeros(shape)
    for each in across:
        distance = np.abs((each + random.uniform(0, spacing)) % spacing - spacing / 2)
        lines = np.maximum(lines, np.clip(width / 2 + 0.5 - distance, 0, 1))
    return lines


def frame(sheet: Sheet, random: Random) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """A box drawn around the digit by hand, and where it is: left, top, right, bottom."""
    height, width = sheet.ink.shape
    left, top, right, bottom = sheet.box
    size = max(right - left, bottom - top)
    gap = [random.uniform(0.15, 0.4) * size for _ in range(4)]
    corners = [left - gap[0], top - gap[1], right + gap[2], bottom + gap[3]]
    left, top = (round(max(each, 4)) for each in corners[:2])
    right, bottom = round(min(corners[2], width - 4)), round(min(corners[3], height - 4))
    picture = Image.new("L", (width, height))
    slant = random.uniform(-0.02, 0.02, 8) * size
    points = np.array([left, top, right, top, right, bottom, left, bottom]) + slant
    points = points.tolist()
    line = max(round(sheet.line * random.uniform(0.3, 0.8)), 2)
    ImageDraw.Draw(picture).line(points + points[:4], fill=255, width=line, joint="curve")
    return np.asarray(picture) / 255, (left, top, right, bottom)


def specks(sheet: Sheet, random: Random, count: int) -> np.ndarray:
    """Dark round specks, anywhere on the sheet."""
    picture = Image.new("L", sheet.ink.shape[::-1])
    for _ in range(count):
        x, y = (random.uniform(0, side) for side in picture.size)
        radius = sheet.line * random.uniform(0.15, 0.5)
        ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(picture) / 255


# ---- Pictures as encoded files


def draw(ink: np.ndarray, random: Random, paper: float = 0.88, depth: float = 0.7) -> np.ndarray:
    """Ink on paper as brightness from 0 to 1, (height, width), with the paper's grain.

    Args:
        ink: (height, width) from 0 to 1.
        random: the source of the variation.
        paper: the paper's brightness.
        depth: the part of the light that the ink absorbs.
    """
    grain = 0.008 * random.standard_normal(ink.shape, np.float32)
    return paper * random.uniform(0.9, 1.1) * (1 - depth * random.uniform(0.9, 1.1) * ink) + grain


def encode(brightness: np.ndarray, format: str = "PNG", **options: object) -> bytes:
    """An encoded picture of brightness from 0 to 1, (height, width) or with 3 or 4 channels."""
    return save(Image.fromarray(np.uint8(np.clip(255 * brightness, 0, 255))), format, **options)


def save(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """The content of a picture's file."""
    content = io.BytesIO()
    if format == "PNG":
        options["compress_level"] = 1  # grain takes long to compress
    picture.save(content, format, **options)
    return content.getvalue()


def colour(ink: np.ndarray, paper: tuple[int, ...], pen: tuple[int, ...]) -> np.ndarray:
    """Coloured ink on coloured paper, (height, width, channels) from 0 to 1."""
    return (np.array(paper) + (np.array(pen) - paper) * ink[..., np.newaxis]) / 255


def plain(image: np.ndarray, random: Random) -> bytes:
    """Nothing but the digit."""
    return encode(draw(make_sheet(image, random).ink, random))


def side_light(image: np.ndarray, random: Random) -> bytes:
    """Brightness falls to 35 % on one side."""
    ink = make_sheet(image, random).ink
    return encode(draw(ink, random) * (1 - 0.65 * falling(ink.shape, random)))


def shadow(image: np.ndarray, random: Random) -> bytes:
    """A soft shadow, as of a hand."""
    ink = make_sheet(image, random).ink
    shade = blob(ink.shape, random, (0.2, 0.6))
    return encode(draw(ink, random) * (1 - random.uniform(0.4, 0.65) * shade))


def lined(squared: bool, depths: tuple[float, float]) -> Callable[[np.ndarray, Random], bytes]:
    """Ruled or squared paper whose lines absorb a part of the light between `depths`."""

    def make(image: np.ndarray, random: Random) -> bytes:
        sheet = make_sheet(image, random)
        height = sheet.box[3] - sheet.box[1]
        spacing = height / (random.uniform(2, 6) if squared else random.uniform(0.8, 2))
        lines = ruling(sheet.ink.shape, random, max(spacing, 8), squared)
        lines = random.uniform(*depths) / 0.7 * lines
        return encode(draw(np.maximum(sheet.ink, lines), random))

    return make


def box_around(image: np.ndarray, random: Random) -> bytes:
    """A box is drawn around the digit."""
    sheet = make_sheet(image, random, share=(0.25, 0.55))
    return encode(draw(np.maximum(sheet.ink, frame(sheet, random)[0]), random))


def cropped_to_box(image: np.ndarray, random: Random) -> bytes:
    """A box is drawn around the digit, and the picture is cropped to it."""
    sheet = make_sheet(image, random, share=(0.25, 0.55))
    lines, (left, top, right, bottom) = frame(sheet, random)
    picture = draw(np.maximum(sheet.ink, lines), random)
    jitter = random.integers(-3, 4, 4)  # the box's lines are cut, or just inside
    rows = slice(max(top + jitter[0], 0), bottom + jitter[1])
    return encode(picture[rows, max(left + jitter[2], 0) : right + jitter[3]])


def scanner_edge(image: np.ndarray, random: Random) -> bytes:
    """One or two sides are dark."""
    sheet = make_sheet(image, random, share=(0.25, 0.6))
    picture = draw(sheet.ink, random)
    for side in random.choice(4, random.integers(1, 3), replace=False):
        picture = np.rot90(picture, side)
        box = np.rot90(sheet.ink, side).any(axis=0).argmax()  # columns left of the digit
        picture[:, : max(int(random.uniform(0.2, 0.7) * box), 3)] *= random.uniform(0.05, 0.3)
        picture = np.rot90(picture, -side)
    return encode(picture)


def dark_desk(image: np.ndarray, random: Random) -> bytes:
    """The paper lies on a dark desk."""
    sheet = make_sheet(image, random, share=(0.25, 0.5))
    height, width = sheet.ink.shape
    left, top, right, bottom = sheet.box
    corners = []
    for x, y in ((0, 0), (width, 0), (width, height), (0, height)):
        near = ((right if x else left), (bottom if y else top))
        share = random.uniform(0.3, 0.6, 2)  # of the way from the picture's corner to the digit's
        corners += [x + share[0] * (near[0] - x), y + share[1] * (near[1] - y)]
    paper = Image.new("L", (width, height))
    ImageDraw.Draw(paper).polygon(corners, fill=255)
    desk = random.uniform(0.08, 0.3) + random.normal(0, 0.02, sheet.ink.shape)
    return encode(np.where(np.asarray(paper) > 0, draw(sheet.ink, random), desk))


def fifteen_specks(image: np.ndarray, random: Random) -> bytes:
    """15 dark specks."""
    sheet = make_sheet(image, random)
    return encode(draw(np.maximum(sheet.ink, specks(sheet, random, 15)), random))


def dot_in_corner(image: np.ndarray, random: Random) -> bytes:
    """One dark dot near a corner."""
    sheet = make_sheet(image, random, share=(0.25, 0.6))
    height, width = sheet.ink.shape
    radius = sheet.line * random.uniform(0.4, 0.9)
    y, x = random.uniform(1.5 * radius, 3 * radius, 2)
    y, x = abs(y - height * random.integers(2)), abs(x - width * random.integers(2))
    rows, columns = np.ogrid[:height, :width]
    dot = 1.0 * (np.hypot(rows - y, columns - x) < radius)
    return encode(draw(np.maximum(sheet.ink, dot), random))


def noise(share: float) -> Callable[[np.ndarray, Random], bytes]:
    """Salt-and-pepper noise in a share of the pixels."""

    def make(image: np.ndarray, random: Random) -> bytes:
        picture = draw(make_sheet(image, random).ink, random)
        hit = random.random(picture.shape) < share
        return encode(np.where(hit, random.integers(0, 2, picture.shape), picture))

    return make


def pencil(light: float, depth: float, fine: bool) -> Callable[[np.ndarray, Random], bytes]:
    """A pencil's lines, on a sheet whose light falls to a share `light` on one side."""

    def make(image: np.ndarray, random: Random) -> bytes:
        ink = make_sheet(image, random, fine=fine).ink
        picture = draw(ink, random, depth=depth)
        return encode(picture * (1 - (1 - light) * falling(ink.shape, random)))

    return make


def outlined(image: np.ndarray, random: Random) -> bytes:
    """White ink with a black outline on a transparent ground."""
    sheet = make_sheet(image, random)
    opaque = Image.fromarray(np.uint8(255 * sheet.ink))
    line = 2 * max(round(sheet.line * random.uniform(0.1, 0.25)), 1) + 1
    outer = np.asarray(opaque.filter(ImageFilter.MaxFilter(line))) / 255
    return encode(np.stack([sheet.ink, sheet.ink, sheet.ink, outer], axis=-1))


def two_colours(image: np.ndarray, random: Random) -> bytes:
    """Ink of two colours on a transparent ground."""
    sheet = make_sheet(image, random)
    pens = [random.integers(0, 256, 3) for _ in range(2)]
    place = falling(sheet.ink.shape, random)[..., np.newaxis]
    middle = np.mean(sheet.box[1::2]), np.mean(sheet.box[::2])
    pen = np.where(place < place[tuple(map(int, middle))], *pens)
    return encode(np.concatenate([pen / 255, sheet.ink[..., np.newaxis]], axis=-1))


def whiteboard(image: np.ndarray, random: Random) -> bytes:
    """A coloured marker on a whiteboard that reflects a lamp."""
    ink = make_sheet(image, random).ink
    pen = [(20, 30, 150), (180, 20, 30), (20, 20, 20), (10, 110, 50)][random.integers(4)]
    board = colour(ink, (205, 208, 210), pen) * (1 - 0.25 * falling(ink.shape, random))[..., None]
    glare = blob(ink.shape, random, (0.1, 0.3))[..., None]
    return encode(board + random.uniform(0.4, 0.7) * glare + random.normal(0, 0.008, board.shape))


def red_on_green(image: np.ndarray, random: Random) -> bytes:
    """Red ink on green paper of the same brightness."""
    pens = [(200, 40, 40), (16, 125, 40)]  # of the same brightness, 88 of 255
    picture = colour(make_sheet(image, random).ink, pens[1], pens[0])
    return encode(picture + random.normal(0, 0.008, picture.shape))


def light_on_dark(image: np.ndarray, random: Random) -> bytes:
    """Chalk on a board."""
    return encode(1 - draw(make_sheet(image, random).ink, random))


def exif_rotated(image: np.ndarray, random: Random) -> bytes:
    """A JPEG that is to be rotated before it is shown."""
    picture = draw(make_sheet(image, random).ink, random)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise
    return encode(np.rot90(picture), "JPEG", exif=exif, quality=90)


def sixteen_bits(image: np.ndarray, random: Random) -> bytes:
    """A PNG of 16 bits."""
    picture = draw(make_sheet(image, random).ink, random)
    return save(Image.fromarray(np.uint16(np.clip(picture, 0, 1) * 65535)))


def jpeg_20(image: np.ndarray, random: Random) -> bytes:
    """A JPEG of low quality."""
    return encode(draw(make_sheet(image, random).ink, random), "JPEG", quality=20)


def tiny(image: np.ndarray, random: Random) -> bytes:
    """The digit is 5 % of the page."""
    return encode(draw(make_sheet(image, random, share=(0.05, 0.06), size=(500, 1500)).ink, random))


def rotated(image: np.ndarray, random: Random) -> bytes:
    """The digit is rotated by up to 15 degrees."""
    return encode(draw(make_sheet(image, random, degrees=15).ink, random))


PLAIN = "plain"
KINDS: dict[str, Callable[[np.ndarray, Random], bytes]] = {
    PLAIN: plain,
    "brightness falls to 35 % on one side": side_light,
    "soft shadow of a hand": shadow,
    "squared paper, light lines": lined(True, (0.1, 0.25)),
    "squared paper, strong lines": lined(True, (0.35, 0.6)),
    "ruled paper": lined(False, (0.2, 0.6)),
    "box drawn around the digit": box_around,
    "cropped to that box": cropped_to_box,
    "dark edge of a scanner": scanner_edge,
    "sheet on a dark desk": dark_desk,
    "15 specks": fifteen_specks,
    "dark dot near a corner": dot_in_corner,
    "salt-and-pepper noise, 0.2 %": noise(0.002),
    "salt-and-pepper noise, 2 %": noise(0.02),
    "pencil under falling light": pencil(0.35, 0.35, fine=True),
    "white with a black outline on transparency": outlined,
    "two colours on transparency": two_colours,
    "whiteboard with glare": whiteboard,
    "red on green of the same brightness": red_on_green,
    "light on dark": light_on_dark,
    "EXIF rotation": exif_rotated,
    "16 bits": sixteen_bits,
    "JPEG of quality 20": jpeg_20,
    "digit of 5 % of the page": tiny,
    "fine pencil": pencil(1, 0.7, fine=True),
    "faint pencil": pencil(1, 0.25, fine=False),
    "rotated by up to 15 degrees": rotated,
}


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.add_run()
    parser.flag("--count", "pictures of each kind", 200, type=number(int, 1, 5000))
    parser.flag("--seed", "seed of the pictures", 0, type=number(int, 0, 2**31))
    parser.flag("--split", "the images to make them of", "test", choices=("train", "test"))
    parser.flag("--kind", "kinds whose name contains this; may be repeated", [],
                action="append", metavar="NAME", shown="all")  # fmt: skip
    parser.flag("--keep", "folder for the pictures that are misread", metavar="FOLDER")
    parser.add_data("data to make them of, as in train_mnist.py", shown="the run's own")
    parser.add_output(None, ".md", help="file for the table")
    return parser.parse_args()


class Outcome(NamedTuple):
    """What was read of one picture."""

    image: np.ndarray  # (28, 28) uint8; zeros if the picture was refused
    refused: bool
    doubtful: bool
    content: bytes  # of the picture's file


def read_one(kind: str, image: np.ndarray, seed: list[int]) -> Outcome:
    """Make one picture and read it."""
    content = KINDS[kind](image, np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(content)
        try:
            photo = read_photo(path)
        except UserError:
            return Outcome(np.zeros_like(image), True, False, content)
    return Outcome(photo.image, False, photo.doubt is not None, content)


def main() -> None:
    flags = parse_flags()
    kinds = [kind for kind in KINDS if not flags.kind or any(each in kind for each in flags.kind)]
    if not kinds:
        raise UserError("--kind matches no kind of picture: leave it out to measure all.")
    import_tensorflow()
    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.runs.locate import open_run

    run = open_run(flags.run)
    model = run.kept_model()
    dataset = load_dataset(flags.data or run.settings.data.source)
    split = getattr(dataset, flags.split)
    count = min(flags.count, len(split.labels))
    rows = []
    # New processes, because TensorFlow's threads do not survive a fork.
    with ProcessPoolExecutor(cores(), get_context("spawn")) as pool:
        for kind in kinds:
            seed = [flags.seed, *kind.encode()]
            chosen = np.random.default_rng(seed).choice(len(split.labels), count, replace=False)
            seeds = [[*seed, place] for place in range(count)]
            tasks = pool.map(read_one, [kind] * count, split.images[chosen], seeds, chunksize=4)
            outcomes, labels = [*tasks], split.labels[chosen]
            images = np.stack([each.image for each in outcomes])
            probabilities = row_predictions(model, images)[:, -1]
            refused, doubtful = np.array([[each.refused, each.doubtful] for each in outcomes]).T
            wrong = (probabilities.argmax(axis=1) != labels) & ~refused
            confidence = probabilities.max(axis=1)[wrong].mean() if wrong.any() else None
            right = count - wrong.sum() - refused.sum()
            shown = "" if confidence is None else f"{confidence:.2f}"
            numbers = f"{100 * right / count:.1f}", right, refused.sum(), wrong.sum(), shown
            rows.append((kind, *numbers, (doubtful & wrong).sum(), (doubtful & ~wrong).sum()))
            print(f"{kind}: {right} of {count}", flush=True)
            if flags.keep:
                keep(Path(flags.keep), kind, outcomes, labels, wrong | refused)
    columns = "picture | % | correct | refused | wrong | confidence where wrong | "
    columns += "doubtful and wrong | doubtful and correct"
    table = markdown_table(columns, "lrrrrrrr", rows)
    title = f"{dataset.name}: pictures of {count} {flags.split} images of each kind, "
    title += f"seed {flags.seed}, read by a network of the recipe `{run.recipe.name}`."
    print(f"\n{title}\n\n{table}", end="")
    if flags.output:
        write_markdown(flags.output, f"{title}\n\n{table}")


def keep(
    folder: Path, kind: str, outcomes: list[Outcome], labels: np.ndarray, misread: np.ndarray
) -> None:
    """Write the pictures that are misread, each with what the network saw."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "_", kind)
    for place in np.nonzero(misread)[0]:
        path = folder / f"{name}_{place}_{labels[place]}"
        path.with_suffix(".picture").write_bytes(outcomes[place].content)
        Image.fromarray(outcomes[place].image).save(path.with_suffix(".png"))


if __name__ == "__main__":
    run_script(main)
