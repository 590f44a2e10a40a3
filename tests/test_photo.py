import numpy as np
import pytest
from PIL import Image, ImageDraw

from tf_lstm.data.ink import stroke_width
from tf_lstm.data.photo import read_photo
from tf_lstm.data.synthetic import render_digits
from tf_lstm.terminal.errors import UserError

# An L: 30 pixels wide, 60 high, its lines 10 wide; the mass is low and left of the middle.
L = Image.new("L", (90, 120))
ImageDraw.Draw(L).polygon([(20, 30), (29, 30), (29, 79), (49, 79), (49, 88), (20, 88)], fill=255)


def save(picture, tmp_path, name="digit.png", **options):
    path = tmp_path / name
    picture.save(path, **options)
    return path


def image_of(path):
    return read_photo(path).image


@pytest.fixture
def prepared(tmp_path):
    return image_of(save(L, tmp_path))


def extent(image, axis):
    (places,) = np.nonzero((image > 60).any(axis=axis))
    return places[-1] - places[0] + 1


def test_a_digit_is_fitted_and_centred_as_mnist_does(prepared):
    assert prepared.shape == (28, 28) and prepared.dtype == np.uint8 and prepared.max() == 255
    assert extent(prepared, 1) == 20 and extent(prepared, 0) == pytest.approx(30 / 59 * 20, abs=1)
    rows, columns = np.indices((28, 28))
    assert np.average(rows, weights=prepared) == pytest.approx(14, abs=0.5)
    assert np.average(columns, weights=prepared) == pytest.approx(14, abs=0.5)
    assert len(np.unique(prepared)) > 5  # smooth edges


def test_an_image_in_mnists_format_is_hardly_changed(tmp_path):
    images, _ = render_digits(20, seed=4)
    changes = []
    for image in images:
        once = image_of(save(Image.fromarray(image), tmp_path))
        twice = image_of(save(Image.fromarray(once), tmp_path))
        changes.append(np.abs(twice.astype(int) - once).mean())
    assert np.median(changes) < 1  # some are shifted by a pixel when their centre is rounded


def modes():
    """A dark L on light paper, or ink on a transparent ground, in every mode of a PNG file."""
    dark = Image.fromarray(255 - np.asarray(L))
    yield "L", dark
    yield "light on dark", L
    yield "1", dark.convert("1")
    yield "P", dark.convert("RGB").quantize(4)
    yield "RGB", dark.convert("RGB")
    yield "RGBA", dark.convert("RGBA")
    yield "LA", dark.convert("LA")
    yield "I;16", Image.fromarray(np.asarray(dark).astype(np.uint16) * 257)
    yield "low I;16", Image.fromarray(np.asarray(dark).astype(np.uint16) + 300)
    for grey in (0, 255):
        layers = [Image.new("L", L.size, grey)] * 3
        yield f"{grey} on transparent", Image.merge("RGBA", [*layers, L])
    palette = Image.fromarray((np.asarray(L) > 0).astype(np.uint8), "L").convert("P")
    palette.putpalette([255, 255, 255, 0, 0, 0])
    palette.info["transparency"] = 0
    yield "P on transparent", palette


@pytest.mark.parametrize(("mode", "picture"), list(modes()), ids=[mode for mode, _ in modes()])
def test_every_png_mode(mode, picture, prepared, tmp_path):
    difference = image_of(save(picture, tmp_path)).astype(int) - prepared
    assert np.abs(difference).max() <= 12


@pytest.mark.parametrize("name", ["digit.jpg", "digit.gif", "digit.bmp", "digit.tif", "digit.webp"])
def test_other_formats(name, prepared, tmp_path):
    difference = image_of(save(L, tmp_path, name)).astype(int) - prepared
    assert np.abs(difference).mean() < 4


def test_paper_with_transparent_corners_stays_paper(prepared, tmp_path):
    dark = Image.fromarray(255 - np.asarray(L)).convert("RGBA")
    dark.paste((0, 0, 0, 0), (0, 0, 90, 12))
    assert np.array_equal(image_of(save(dark, tmp_path)), prepared)


def test_shadow_and_grain_of_a_photo_are_removed(prepared, tmp_path, random):
    photo = 180 - 0.5 * np.asarray(L) + np.linspace(-12, 12, 90) + random.normal(0, 4, (120, 90))
    difference = image_of(save(Image.fromarray(photo.astype("u1")), tmp_path)) - prepared * 1.0
    assert np.abs(difference).mean() < 6


def test_a_photo_is_rotated_as_its_exif_data_say(prepared, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise
    rotated = L.transpose(Image.Transpose.ROTATE_90)
    difference = image_of(save(rotated, tmp_path, exif=exif)).astype(int) - prepared
    assert np.abs(difference).max() <= 12


@pytest.mark.parametrize("size", [(5, 9), (2500, 3000)])
def test_any_size(size, prepared, tmp_path):
    image = image_of(save(L.resize(size), tmp_path))
    assert 19 <= extent(image, 1) <= 21 and image.max() == 255


def test_a_fine_pen_is_made_thicker(tmp_path):
    fine = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(fine).line([(60, 40), (220, 40), (120, 260)], fill=0, width=2)
    image = image_of(save(fine, tmp_path))
    assert 1.3 < stroke_width(image / 255) < 2.5 and (image > 200).sum() > 40


def test_stroke_width():
    ink = np.zeros((100, 100))
    ink[10:90, 40:47] = 1
    # A line 7 wide and 80 long, along the columns, where the outline is not overestimated.
    assert stroke_width(ink) == pytest.approx(2 * 560 / (174 * np.pi / 4))


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_a_blank_picture_is_refused(grey, mode, tmp_path):
    blank = Image.new(mode, (40, 40), (grey, grey, grey, 255) if mode == "RGBA" else grey)
    refused(save(blank, tmp_path), "blank")


def test_a_transparent_picture_is_blank(tmp_path):
    refused(save(Image.new("RGBA", (40, 40)), tmp_path), "blank")


def refused(path, word):
    with pytest.raises(UserError) as caught:
        image_of(path)
    assert str(path) in str(caught.value) and word in str(caught.value)
    assert str(caught.value).count("\n") == 0


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize("content", [b"", b"no image at all", POSTSCRIPT])
def test_a_file_that_is_not_a_picture_is_refused(content, tmp_path):
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    refused(path, "not a picture")


def test_a_damaged_missing_or_unsuitable_file_is_refused(tmp_path):
    path = save(L, tmp_path)
    path.write_bytes(path.read_bytes()[:-60])
    refused(path, "damaged")
    refused(tmp_path / "missing.png", "No such file")
    refused(tmp_path, "cannot be read")


@pytest.mark.parametrize("side", [8_000, 14_000])  # Pillow itself refuses the second one
def test_a_gigantic_picture_is_refused_before_it_is_read(side, tmp_path):
    path = save(Image.new("1", (side, side)), tmp_path)
    refused(path, "too large")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_not_finite_are_refused(value, tmp_path):
    pixels = np.asarray(L, np.float32) / 255
    pixels[50, 20] = value
    refused(save(Image.fromarray(pixels), tmp_path, "digit.pfm"), "NaN or infinite")


def test_messages_of_libtiff_do_not_reach_the_terminal(tmp_path, capfd):
    path = save(L, tmp_path, "digit.tif", compression="tiff_lzw")
    path.write_bytes(path.read_bytes()[:8] + b"\xff" * 40 + path.read_bytes()[48:])
    refused(path, "damaged")
    assert capfd.readouterr() == ("", "")
