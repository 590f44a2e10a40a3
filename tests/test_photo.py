import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

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
    assert np.abs(difference).mean() < 8


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


# ---- Disturbances: what is around the digit does not change how it is prepared

SIZE = (240, 320)  # width and height of a page
PAGE = Image.new("L", SIZE, 220)
ImageDraw.Draw(PAGE).line([(90, 100), (150, 100), (100, 220)], fill=50, width=12, joint="curve")


def page(change=lambda draw: None, light=1.0):
    """The page with a 7, on which `change` draws, under this light."""
    picture = PAGE.copy()
    change(ImageDraw.Draw(picture))
    return Image.fromarray((np.asarray(picture) * light).astype(np.uint8))


def squares(draw):
    for place in range(15, 320, 30):
        draw.line([(place, 0), (place + 4, 320)], fill=110, width=2)
        draw.line([(0, place), (240, place + 4)], fill=110, width=2)


def desk(draw):
    for strip in [(0, 0, 240, 30), (0, 0, 20, 320), (200, 0, 240, 320), (0, 280, 240, 320)]:
        draw.rectangle(strip, fill=20)


def broad_lines(draw):
    for place in (40, 130, 220, 310):
        draw.line([(0, place), (240, place + 6)], fill=110, width=10)


CHANGES = {
    "squared paper": squares,
    "ruled paper with broad lines": broad_lines,
    "a desk around the sheet": desk,
    "a box around the digit": lambda draw: draw.rectangle((60, 70, 180, 250), outline=50, width=4),
    "specks": lambda draw: [
        draw.ellipse((x, y, x + 8, y + 8), fill=50) for x, y in [(20, 20), (190, 60), (30, 290)]
    ],
    "a dot near a corner": lambda draw: draw.ellipse((8, 8, 30, 30), fill=30),
}


@pytest.fixture
def undisturbed(tmp_path):
    return image_of(save(page(), tmp_path))


def assert_alike(picture, expected, tmp_path):
    difference = image_of(save(picture, tmp_path)).astype(int) - expected
    assert np.abs(difference).mean() < 8


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_around_the_digit_is_removed(change, undisturbed, tmp_path):
    assert_alike(page(change), undisturbed, tmp_path)


def test_light_may_fall_to_a_third_on_one_side(undisturbed, tmp_path):
    assert_alike(page(light=np.linspace(1, 0.35, 240)), undisturbed, tmp_path)


def test_salt_and_pepper_noise_is_removed(undisturbed, tmp_path, random):
    pixels = np.asarray(page())
    hit = random.random(pixels.shape) < 0.02
    noisy = np.where(hit, 255 * random.integers(0, 2, pixels.shape), pixels)
    assert_alike(Image.fromarray(noisy.astype(np.uint8)), undisturbed, tmp_path)


def test_red_ink_on_green_of_the_same_brightness(undisturbed, tmp_path):
    ink = page().point(lambda grey: 255 * (grey < 128)).convert("L")
    green, red = Image.new("RGB", SIZE, (16, 125, 40)), Image.new("RGB", SIZE, (200, 40, 40))
    assert_alike(Image.composite(red, green, ink), undisturbed, tmp_path)


def test_an_outline_on_transparency_belongs_to_the_digit(undisturbed, tmp_path):
    shape = page().point(lambda grey: 255 * (grey < 128)).convert("L")
    inner = shape.filter(ImageFilter.MinFilter(5))
    assert_alike(Image.merge("RGBA", [inner, inner, inner, shape]), undisturbed, tmp_path)


def test_a_digit_that_touches_the_edge_is_read_with_a_doubt(undisturbed, tmp_path):
    cropped = page().crop((60, 70, 180, 221))
    assert_alike(cropped, undisturbed, tmp_path)
    assert "edge" in read_photo(tmp_path / "digit.png").doubt


def test_a_clear_picture_has_no_doubt_and_faint_ink_has_one(tmp_path):
    assert read_photo(save(page(), tmp_path)).doubt is None
    faint = page().point(lambda grey: 190 + grey // 8)
    assert read_photo(save(faint, tmp_path)).doubt


@pytest.mark.parametrize("shift", [(70, 0), (-70, 20)])
def test_two_digits_are_refused(shift, tmp_path):
    both = ImageChops.darker(page(), ImageChops.offset(page(), *shift))
    refused(save(both, tmp_path), "more than one")


def test_a_picture_of_a_phone_in_heic_is_named(tmp_path):
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    refused(path, "HEIC")


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
