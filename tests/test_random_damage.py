"""Files with random damage give either valid arrays or one sentence that names the file.

Hypothesis samples the damage. It must not find an exception other than `UserError`, an array of a
wrong shape or type, a modified file, or memory that grows with a size in a header.
"""

import io
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_data import IDX_NAMES, make_arrays, write_idx, write_npz

from tf_lstm.data.dataset import load_dataset
from tf_lstm.data.photo import prepare_photo
from tf_lstm.data.synthetic import render_digits
from tf_lstm.terminal.errors import UserError

PAPER = 255 - render_digits(1, seed=0)[0][0]
LARGEST_PEAK = 100e6  # bytes; the files here hold less than 40 kB
many = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,  # the same damage on every machine
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def damages(draw):
    """A function that cuts, changes or lengthens bytes at random places, mostly near the start."""
    place = st.one_of(st.integers(0, 40), st.integers(0, 100_000))
    changes = draw(
        st.lists(
            st.tuples(st.sampled_from(["cut", "set", "insert"]), place, st.binary(max_size=8)),
            min_size=1,
            max_size=4,
        )
    )

    def damage(content):
        for kind, start, new in changes:
            start %= len(content) + 1
            end = start if kind == "insert" else start + len(new)
            content = content[:start] if kind == "cut" else content[:start] + new + content[end:]
        return content

    return damage


def read_bounded(read, path):
    """`read()`, or None for a UserError; checks the memory and that `path` is unchanged."""
    before = path.read_bytes()
    tracemalloc.start()
    try:
        result = read()
    except UserError as error:
        assert str(path.parent) in str(error) and "\n" not in str(error)
        result = None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < LARGEST_PEAK
    assert path.read_bytes() == before
    return result


def check(dataset):
    for split in (dataset.train, dataset.validation, dataset.test):
        assert split.images.shape == (len(split.labels), 28, 28)
        assert split.images.dtype == np.uint8 and split.labels.dtype == np.int32
        assert ((split.labels >= 0) & (split.labels <= 9)).all()


@pytest.mark.parametrize("ending", ["", ".gz"])
@given(damage=damages(), number=st.integers(0, 3))
@many
def test_idx_files(ending, damage, number, tmp_path):
    folder = write_idx(tmp_path / "digits", make_arrays(), ending=ending)
    path = folder / (IDX_NAMES[number] + ending)
    path.write_bytes(damage(path.read_bytes()))
    if dataset := read_bounded(lambda: load_dataset(folder), path):
        check(dataset)


@given(damage=damages())
@many
def test_npz_files(damage, tmp_path):
    path = write_npz(tmp_path / "mnist.npz", make_arrays())
    path.write_bytes(damage(path.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's about damaged headers
        if dataset := read_bounded(lambda: load_dataset(path), path):
            check(dataset)


@given(
    name=st.sampled_from(["x_train", "y_train", "x_test", "y_test"]),
    kind=st.sampled_from(["u1", "i1", "i8", "u8", "f4", "f8", "c8", "?", "U3", "M8[s]", "O"]),
    value=st.sampled_from([0, 3, 9, 10, -1, 300, 2**40, np.nan, np.inf]),
    shape=st.lists(st.sampled_from([0, 1, 5, 24, 28]), max_size=4).map(tuple),
)
@many
def test_npz_arrays_of_any_type_shape_and_value(name, kind, value, shape, tmp_path):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            array = np.full(shape, value).astype(kind)
        except (ValueError, TypeError, OverflowError):
            return  # no such array exists
    path = write_npz(tmp_path / "mnist.npz", make_arrays(), **{name: array})
    if dataset := read_bounded(lambda: load_dataset(path), path):
        check(dataset)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp"])
@given(damage=damages())
@many
def test_pictures(kind, damage, tmp_path):
    content = io.BytesIO()
    Image.fromarray(PAPER).save(content, kind)
    path = tmp_path / f"mine.{kind}"
    path.write_bytes(damage(content.getvalue()))
    image = read_bounded(lambda: prepare_photo(path), path)
    if image is not None:
        assert image.shape == (28, 28) and image.dtype == np.uint8 and image.max() > 0
