"""The exported page in a browser without a window; skipped where there is no Chromium."""

import json

import numpy as np
import pytest
from chromium import PROGRAM, Browser
from PIL import Image
from test_class_names import NAMES

from tf_lstm.data.class_names import DIGITS
from tf_lstm.data.photo import center
from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import build_model
from tf_lstm.evaluation import row_predictions
from tf_lstm.export.page import save_page
from tf_lstm.inside import contributions, evidence, gates_and_states
from tf_lstm.plots.statistics import commit_row
from tf_lstm.recipes import DEFAULT
from tf_lstm.settings import Recipe

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")
IMAGES, _ = render_digits(100, seed=5)
FOUR = [[(0.6, 0.15), (0.3, 0.55), (0.85, 0.55)], [(0.66, 0.3), (0.62, 0.9)]]  # shares of the side


def new_model(recipe):
    """A network with initial values twice as large, so that its predictions differ."""
    model = build_model(recipe, seed=3)
    for variable in model.variables_by_name.values():
        variable.assign(2 * variable)
    return model


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def model():
    return new_model(DEFAULT)


@pytest.fixture(scope="module")
def page(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "model.html"
    save_page(model, path, "toy, digits", DIGITS)
    return path


def predict(browser, images):
    """The page's probabilities for uint8 images (n, 28, 28)."""
    lists = images.reshape(len(images), -1).tolist()
    return np.array(browser.evaluate(f"{json.dumps(lists)}.map(predict)"))


def stroke(browser, line, steps=8):
    """The points of a line, in pixels of the window."""
    box = browser.evaluate("paper.getBoundingClientRect().toJSON()")
    points = [np.linspace(a, b, steps) for a, b in zip(line, line[1:], strict=False)]
    return (np.concatenate(points) * box["width"] + (box["x"], box["y"])).tolist()


def shown(browser):
    """The ink on the paper, the image that the network sees, and the probabilities, once shown."""
    frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    browser.evaluate(frames)
    ink = "[...pen.getImageData(0, 0, 280, 280).data].filter((_, at) => at % 4 === 3)"
    ink, seen, rows = (browser.evaluate(each) for each in (ink, "seen && [...seen]", "rows"))
    return np.array(ink).reshape(280, 280) / 255, seen, rows


def assert_same_image(seen, expected):
    """Equal with Pillow 13; the order of the passes of its `resize` depends on the version."""
    np.testing.assert_allclose(np.reshape(seen, (28, 28)), expected, rtol=0, atol=8)


def text(browser, name):
    return browser.evaluate(f"element({name!r}).textContent")


def test_the_page_predicts_100_images_as_the_model_does(browser, page, model):
    browser.open(page)
    expected = row_predictions(model, IMAGES)
    assert np.ptp(expected[:, -1], axis=0).max() > 0.1  # the images are distinguished
    np.testing.assert_allclose(predict(browser, IMAGES), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"input_projection": False, "pixel_offset": 0.5},
        {"layers": 3, "input_projection": False},
        {"layers": 2, "pad_columns": 14},
        {"pad_columns": 14, "pad_position": "between", "pixel_offset": 1.0},
        {"cell": "gru", "layers": 2},
        {"cell": "rnn"},
    ],
)
def test_the_page_predicts_what_other_networks_predict(changes, browser, tmp_path):
    other = new_model(Recipe(units=12, **changes))
    for variable in other.variables_by_name.values():
        variable.assign_add(0.02 * np.random.default_rng(1).normal(size=variable.shape))
    save_page(other, tmp_path / "other.html", "other", DIGITS)
    browser.open(tmp_path / "other.html")
    expected = row_predictions(other, IMAGES[:9])
    np.testing.assert_allclose(predict(browser, IMAGES[:9]), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell, layers", [("lstm", 2), ("gru", 1), ("rnn", 1)])
def test_the_page_shows_the_gates_the_states_and_the_evidence(cell, layers, browser, tmp_path):
    other = new_model(Recipe(units=12, cell=cell, layers=layers))
    save_page(other, tmp_path / "other.html", "other", DIGITS)
    browser.open(tmp_path / "other.html")
    browser.evaluate(f"steps = read({IMAGES[0].ravel().tolist()}), null")
    as_lists = "JSON.parse(JSON.stringify(steps, (_, v) => v?.BYTES_PER_ELEMENT ? [...v] : v))"
    steps, shown = browser.evaluate(as_lists), browser.evaluate("Object.keys(strips)")
    for layer, values in enumerate(gates_and_states(other, IMAGES[:1])):
        assert set(shown) == set(values)
        for name in shown:
            ours = [step["states"][layer][name] for step in steps]
            np.testing.assert_allclose(ours, values[name][0], rtol=0, atol=1e-5, err_msg=name)
    changes = browser.evaluate("evidence(steps)")
    np.testing.assert_allclose(changes, evidence(other, IMAGES[:1])[0], rtol=0, atol=1e-4)
    added = contributions(other, IMAGES[:1])[0, -1]
    ours = browser.evaluate("[...contributions(steps, 4, 9)]")
    np.testing.assert_allclose(ours, added[:, 4] - added[:, 9], rtol=0, atol=1e-5)


def test_the_strips_follow_the_row_under_the_pointer(browser, page, model):
    browser.open(page, 1200, 900)
    browser.draw(stroke(browser, FOUR[0]))
    _, seen, _ = shown(browser)
    box = browser.evaluate("element('seen').getBoundingClientRect().toJSON()")
    y = box["y"] + box["height"] * 9.5 / 28  # within row 10
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=box["x"] + 9, y=y)
    assert text(browser, "inside-row") == text(browser, "chosen") == "10"
    image = np.array(seen, np.uint8).reshape(1, 28, 28)
    forget = gates_and_states(model, image)[0]["f"][0, 9]
    mean = browser.evaluate("strips.f[1].textContent")
    assert float(mean) == pytest.approx(forget.mean(), abs=0.006)
    pixels = "[...strips.f[0].getContext('2d').getImageData(0, 0, 128, 1).data]"
    opacity = np.array(browser.evaluate(pixels)).reshape(128, 4)[:, 3] / 255
    added = contributions(model, image)[0, -1]
    rival, final = np.argsort(added.sum(axis=0) + model.biases["out"].numpy())[-2:]
    order = np.argsort(added[:, final] - added[:, rival])
    np.testing.assert_allclose(opacity, forget[order], rtol=0, atol=0.01)


def test_the_bars_beside_the_image_are_the_evidence_on_the_scale_below(browser, page, model):
    browser.open(page)
    browser.draw(stroke(browser, FOUR[0]))
    _, seen, rows = shown(browser)
    changes = evidence(model, np.array(seen, np.uint8).reshape(1, 28, 28))[0]
    expected = changes[:, np.argmax(rows[-1])]
    widest = float(text(browser, "nats").split("±")[1].split()[0])
    assert widest == pytest.approx(np.abs(expected).max(), abs=0.06) and widest > 1
    pixels = "[...element('evidence').getContext('2d').getImageData(0, 0, 120, 28).data]"
    filled = np.array(browser.evaluate(pixels)).reshape(28, 120, 4)[..., 3] > 0
    filled[:, 59:61] = True  # the axis
    bars = filled[:, 60:].sum(axis=1) - filled[:, :60].sum(axis=1)
    np.testing.assert_allclose(bars / 60, expected / np.abs(expected).max(), rtol=0, atol=0.03)


@pytest.mark.parametrize("cell, name", [("lstm", "LSTM"), ("gru", "GRU"), ("rnn", "simple RNN")])
def test_the_page_names_its_cell(cell, name, browser, tmp_path):
    save_page(new_model(Recipe(units=12, cell=cell)), tmp_path / "cell.html", "toy", DIGITS)
    browser.open(tmp_path / "cell.html")
    assert name in text(browser, "reader") and name in browser.evaluate("document.title")


def test_the_layer_is_chosen_by_keyboard_and_the_strips_follow(browser, tmp_path):
    deep = new_model(Recipe(units=12, layers=2))
    save_page(deep, tmp_path / "deep.html", "toy", DIGITS)
    browser.open(tmp_path / "deep.html")
    browser.draw(stroke(browser, FOUR[0]))
    _, seen, _ = shown(browser)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    (chooser,) = (n for n in nodes if n.get("role", {}).get("value") == "combobox")
    assert chooser["name"]["value"] == "Layer"
    layers = gates_and_states(deep, np.array(seen, np.uint8).reshape(1, 28, 28))
    browser.evaluate("element('layer').focus()")
    for layer in (1, 0):
        mean = float(browser.evaluate("strips.f[1].textContent"))
        assert mean == pytest.approx(layers[layer]["f"][0, 27].mean(), abs=0.006)
        press(browser, "ArrowUp")


@pytest.mark.parametrize("width", [320, 390, 700, 1200])
def test_nothing_is_wider_than_the_window(width, browser, tmp_path, model):
    long = new_model(Recipe(units=200, layers=2))
    save_page(long, tmp_path / "long.html", "a network with many units", DIGITS)
    browser.open(tmp_path / "long.html", width, 844)
    assert browser.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width, height", [(1200, 900), (390, 844)])
@pytest.mark.parametrize("pointer", ["mouse", "pen"])
def test_a_drawing_is_prepared_and_predicted_as_in_python(
    width, height, pointer, browser, page, model
):
    browser.open(page, width, height)
    for line in FOUR:
        browser.draw(stroke(browser, line), pointer)
    ink, seen, rows = shown(browser)
    image = center(ink)
    assert_same_image(seen, image)
    expected = row_predictions(model, image[None])[0]
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-5)
    predicted = expected[-1].argmax()
    assert text(browser, "answer") == f"{predicted} · {100 * expected[-1].max():.0f} %"
    assert f"From row {commit_row(expected)} (the commit row) on" in text(browser, "sentence")


@pytest.mark.parametrize("seed", range(5))
def test_drawings_of_any_size_are_prepared_as_in_python(seed, browser, page):
    random = np.random.default_rng(seed)
    side, corner = random.uniform(0.05, 1), random.uniform(0, 0.5, 2)
    browser.open(page)
    for line in random.uniform(0, side, (2, 3, 2)):
        browser.draw(stroke(browser, np.minimum(line + corner, 0.99), steps=3))
    ink, seen, _ = shown(browser)
    assert_same_image(seen, center(ink))


def test_a_finger_draws(browser, page):
    browser.open(page, 390, 844)
    (start, *others) = stroke(browser, FOUR[0])
    for kind, points in (("touchStart", [start]), *(("touchMove", [p]) for p in others)):
        touches = [{"x": x, "y": y} for x, y in points]
        browser.call("Input.dispatchTouchEvent", type=kind, touchPoints=touches)
    browser.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    ink, seen, _ = shown(browser)
    assert_same_image(seen, center(ink))
    assert browser.evaluate("scrollY") == 0  # the finger does not scroll the page


def press(browser, *keys):
    for key in keys:
        for kind in ("rawKeyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)


def test_the_keyboard_draws_and_clears(browser, page):
    browser.open(page)
    press(browser, "Tab")
    assert browser.evaluate("document.activeElement.id") == "paper"
    press(browser, "ArrowUp", " ", *["ArrowDown"] * 9, " ", *["ArrowLeft"] * 5)
    ink, seen, _ = shown(browser)
    assert_same_image(seen, center(ink))
    assert ink[132:204, 140].min() == 1 and ink[:, :120].max() == 0
    press(browser, "Delete")
    ink, seen, rows = shown(browser)
    assert not ink.any() and seen is rows is None
    assert text(browser, "sentence") == "The paper is empty."


def test_clearing_lifts_the_keyboard_s_pen(browser, page):
    browser.open(page)
    press(browser, "Tab", " ", "ArrowDown", "Delete", "ArrowDown", "ArrowDown")
    ink, _, _ = shown(browser)
    assert not ink.any() and browser.evaluate("element('pen').className") == ""


@pytest.mark.parametrize("pointer", ["mouse", "pen"])
def test_a_tap_leaves_a_dot(pointer, browser, page):
    browser.open(page)
    browser.draw(stroke(browser, [(0.5, 0.5)] * 2, steps=1)[:1], pointer)
    ink, seen, _ = shown(browser)
    width = browser.evaluate("PEN")
    assert ink[140, 140] == 1 and np.isclose(ink.sum(), np.pi * width**2 / 4, rtol=0.05)
    assert seen is not None


def test_a_screen_reader_finds_the_slider_s_name_and_one_live_region(browser, page):
    browser.open(page)
    browser.draw(stroke(browser, FOUR[0]))
    _, _, rows = shown(browser)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    (slider,) = (node for node in nodes if node.get("role", {}).get("value") == "slider")
    assert slider["name"]["value"] == "After row"
    predicted, confidence = np.argmax(rows[-1]), 100 * np.max(rows[-1])
    assert slider["value"]["value"] in (28, "28")
    spoken = browser.evaluate("element('row').ariaValueText")
    assert spoken == f"28: {predicted}, {confidence:.0f} %"
    live = browser.evaluate(
        "document.querySelectorAll('output, [aria-live], [role=status]').length"
    )
    assert live == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colors_keep_the_bars_and_the_paper(scheme, browser, page):
    browser.open(page, scheme=scheme)
    forced = {"name": "forced-colors", "value": "active"}
    features = [forced, {"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", features=features)
    browser.draw(stroke(browser, FOUR[0]))
    shown(browser)
    assert browser.evaluate("matchMedia('(forced-colors: active)').matches")
    color = "getComputedStyle({}).backgroundColor"
    bars = {browser.evaluate(color.format(f"bars[{label}][0]")) for label in range(10)}
    assert len(bars) == 2  # the predicted class differs
    section = browser.evaluate(color.format("document.querySelector('section')"))
    assert section not in bars
    assert browser.evaluate(color.format("paper")) == "rgb(255, 255, 255)"


def test_the_rows_read_can_be_chosen(browser, page):
    browser.open(page)
    browser.draw(stroke(browser, FOUR[0]))
    _, _, rows = shown(browser)
    browser.evaluate("element('row').focus()")
    press(browser, "Home", "ArrowRight")
    assert text(browser, "chosen") == "2"
    percents = browser.evaluate("bars.map(([, percent]) => percent.textContent)")
    assert percents == [f"{100 * probability:.1f} %" for probability in rows[1]]


def test_class_names_replace_the_digits(browser, model, tmp_path):
    names = ("</script>", "<!--<script>", *NAMES[2:])
    save_page(model, tmp_path / "names.html", "clothes", names)
    browser.open(tmp_path / "names.html")
    browser.draw(stroke(browser, FOUR[0]))
    _, _, rows = shown(browser)
    name = names[int(np.argmax(rows[-1]))]
    assert text(browser, "answer").startswith(f"{name} · ")
    assert f"the predicted class is {name} and" in text(browser, "sentence")
    assert text(browser, "classes") == "".join(names)
    assert text(browser, "heading") == "Draw a picture"


@pytest.mark.parametrize("names", [DIGITS, [f"{label} {'W' * 18}" for label in DIGITS]])
@pytest.mark.parametrize("scheme, dark", [("light", False), ("dark", True)])
@pytest.mark.parametrize("width, height", [(1200, 900), (800, 900), (390, 844), (320, 600)])
def test_the_page_fits_its_window(width, height, scheme, dark, names, browser, model, tmp_path):
    save_page(model, tmp_path / "page.html", "toy", names)
    browser.open(tmp_path / "page.html", width, height, scheme)
    place = "paper.getBoundingClientRect().toJSON()"
    before = browser.evaluate(place)
    browser.draw(stroke(browser, FOUR[0]))
    shown(browser)
    assert browser.evaluate(place) == before  # otherwise a line would jump
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("performance.getEntriesByType('resource').length") == 0
    browser.screenshot(tmp_path / "page.png")
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    assert pixels.shape == (height, width)
    assert (np.median(pixels) < 60) == dark and np.ptp(pixels) > 150
