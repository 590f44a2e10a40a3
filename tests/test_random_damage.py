"""Files with random damage give either valid arrays or one sentence that names the file.

There must be no exception other than `UserError`, no array of a wrong shape, type or content, no
modified file, and no memory that grows with a size in a header. `--cases 1000000` tests more.
"""

import gzip
import io
import random
import resource
import warnings
from collections import Counter

import numpy as np
import pytest
from damage import damage
from PIL import Image
from test_data import idx_bytes, make_arrays, write_npz

from tf_lstm.data.dataset import load_dataset
from tf_lstm.data.files import ARRAYS, entry_of, read_data
from tf_lstm.data.formats import read_arrays
from tf_lstm.data.photo import FORMATS, read_photo
from tf_lstm.data.synthetic import render_digits
from tf_lstm.terminal.errors import UserError

ARRAYS_BEFORE = make_arrays(3, 2)
PAPER = 255 - render_digits(1, seed=0)[0][0]
LARGEST_GROWTH = 1_000_000  # KiB of memory in use; a picture may have 50 million pixels

pytestmark = pytest.mark.fuzz


@pytest.fixture
def each_case(request):
    """Calls a test for each case with its own source of randomness, and counts its outcomes.

    The test returns whether the file was read; None for a case that does not exist.
    """

    def call(test, default=200):
        cases, outcomes = request.config.getoption("--cases") or default, Counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for case in range(cases):
            try:
                outcomes[test(random.Random(case))] += 1
            except Exception as error:
                raise AssertionError(f"case {case}") from error
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < LARGEST_GROWTH
        print(f"{cases:,} cases: {outcomes[True]:,} read, {outcomes[False]:,} refused")
        assert outcomes[True] and outcomes[False]

    return call


def read_or_refuse(read, path):
    """`read()`, or None if it refuses the file in one sentence."""
    before = path.read_bytes()
    try:
        return read()
    except UserError as error:
        assert str(path.parent) in str(error) and "\n" not in str(error), error
        return None
    finally:
        assert path.read_bytes() == before


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files(ending, each_case, tmp_path):
    compress = gzip.compress if ending else bytes
    contents = [compress(idx_bytes(array)) for array in ARRAYS_BEFORE]

    def test(source):
        number = source.randrange(4)
        path = tmp_path / f"{ARRAYS[number][2]}{ending}"
        path.write_bytes(damage(contents[number], source))
        entry = entry_of(path, tmp_path)
        arrays = read_or_refuse(lambda: read_arrays(entry, lambda name: True), path)
        if arrays is not None and ending:  # a gzip file has a checksum
            np.testing.assert_array_equal(arrays[""], ARRAYS_BEFORE[number])
        return arrays is not None

    each_case(test)


def test_npz_files(each_case, tmp_path):
    path = write_npz(tmp_path / "mnist.npz", ARRAYS_BEFORE)
    content = path.read_bytes()

    def test(source):
        path.write_bytes(damage(content, source))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's about damaged headers
            data = read_or_refuse(lambda: read_data(path), path)
        for array, before in zip(data.arrays if data else (), ARRAYS_BEFORE, strict=False):
            np.testing.assert_array_equal(array, before)  # a zip file has checksums
        return data is not None

    each_case(test)


def test_npz_arrays_of_any_type_shape_and_value(each_case, tmp_path):
    kinds = ("u1", "i1", "i8", "u8", "f4", "f8", "c8", "?", "U3", "M8[s]", "O")
    values = (0, 3, 9, 10, -1, 300, 2**40, np.nan, np.inf)

    def test(source):
        number = source.randrange(4)
        shape = tuple(source.choice((0, 1, 2, 3, 24, 28)) for _ in range(source.randrange(5)))
        shape = source.choice((shape, ARRAYS_BEFORE[number].shape))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                array = np.full(shape, source.choice(values)).astype(source.choice(kinds))
            except (ValueError, TypeError, OverflowError):
                return None  # no such array exists
        changes = {ARRAYS[number][1]: array}
        path = write_npz(tmp_path / "mnist.npz", ARRAYS_BEFORE, **changes)
        dataset = read_or_refuse(lambda: load_dataset(path), path)
        for split in (dataset.train, dataset.validation, dataset.test) if dataset else ():
            assert split.images.shape == (len(split.labels), 28, 28)
            assert split.images.dtype == np.uint8 and split.labels.dtype == np.int32
            assert ((split.labels >= 0) & (split.labels < len(dataset.class_names))).all()
        return dataset is not None

    each_case(test)


@pytest.mark.parametrize("kind", FORMATS)
def test_pictures(kind, each_case, tmp_path):
    content = io.BytesIO()
    Image.fromarray(PAPER).save(content, kind)
    path = tmp_path / "mine.picture"

    def test(source):
        path.write_bytes(damage(content.getvalue(), source))
        photo = read_or_refuse(lambda: read_photo(path), path)
        if photo is not None:
            image = photo.image
            assert image.shape == (28, 28) and image.dtype == np.uint8 and image.max() > 0
        return photo is not None

    each_case(test)
