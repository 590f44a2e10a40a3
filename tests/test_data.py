import gzip
import hashlib
import http.server
import os
import pickle
import pwd
import socket
import threading
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tf_lstm.data import download
from tf_lstm.data import synthetic as synthetic_module
from tf_lstm.data.dataset import choose_held_out, load_dataset
from tf_lstm.data.files import ARRAYS
from tf_lstm.data.synthetic import render_digits
from tf_lstm.terminal.errors import UserError

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def make_arrays(train_count=24, test_count=5):
    random = np.random.default_rng(0)
    arrays = []
    for count in (train_count, test_count):
        arrays.append(random.integers(0, 256, (count, 28, 28), np.uint8))
        arrays.append(random.integers(0, 10, count, np.uint8))
    return arrays


def idx_bytes(array):
    shape = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + shape + array.tobytes()


def write_idx(folder, arrays, mark="-", ending=""):
    folder.mkdir(exist_ok=True)
    for name, array in zip(IDX_NAMES, arrays, strict=True):
        content = gzip.compress(idx_bytes(array)) if ending else idx_bytes(array)
        (folder / (name.replace("-idx", f"{mark}idx") + ending)).write_bytes(content)
    return folder


def write_npz(path, arrays, **changes):
    np.savez_compressed(
        path, **dict(zip((name for _, name, _ in ARRAYS), arrays, strict=True)) | changes
    )
    return path


def assert_refused(path, *words):
    """`load_dataset` refuses the path in one sentence with these words and changes no file."""
    files = {file: file.read_bytes() for file in (path, *path.glob("*")) if file.is_file()}
    with pytest.raises(UserError) as caught:
        load_dataset(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message and message.endswith(".")
    for word in words:
        assert word in message
    assert files == {file: file.read_bytes() for file in (path, *path.glob("*")) if file.is_file()}


def assert_holds(dataset, arrays):
    held_out = choose_held_out(len(arrays[0]), dataset.name)
    train_images, train_labels = np.empty_like(arrays[0]), np.empty_like(arrays[1])
    for split, chosen in ((dataset.validation, held_out), (dataset.train, ~held_out)):
        train_images[chosen], train_labels[chosen] = split.images, split.labels
    loaded = train_images, train_labels, dataset.test.images, dataset.test.labels
    for actual, expected in zip(loaded, arrays, strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert dataset.train.images.dtype == np.uint8 and dataset.train.labels.dtype == np.int32


# Good data.


@pytest.mark.parametrize("mark", "-.")
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_folder(tmp_path, mark, ending):
    arrays = make_arrays()
    dataset = load_dataset(write_idx(tmp_path / "mine", arrays, mark, ending))
    assert_holds(dataset, arrays)
    assert dataset.name == "mine/ (not MNIST)"
    assert dataset.source == str(tmp_path / "mine")


def test_npz_file(tmp_path):
    arrays = make_arrays()
    dataset = load_dataset(str(write_npz(tmp_path / "mine.npz", arrays)))
    assert_holds(dataset, arrays)
    assert dataset.name == "mine.npz (not MNIST)"


def test_npz_labels_may_be_wide_integers(tmp_path):
    arrays = make_arrays()
    path = write_npz(tmp_path / "mine.npz", arrays, y_train=arrays[1].astype(np.int64))
    assert_holds(load_dataset(path), arrays)


def test_checksum_depends_on_the_values_only(tmp_path):
    arrays = make_arrays()
    from_folder = load_dataset(write_idx(tmp_path / "folder", arrays))
    from_file = load_dataset(write_npz(tmp_path / "file.npz", arrays))
    assert from_folder.checksum == from_file.checksum
    arrays[3][0] ^= 1
    assert load_dataset(write_npz(tmp_path / "new.npz", arrays)).checksum != from_file.checksum


def test_the_first_twelfth_of_mnist_validates():
    held_out = choose_held_out(60_000, "MNIST")
    assert held_out[:5000].all() and not held_out[5000:].any()


def test_every_class_of_sorted_data_validates(tmp_path):
    arrays = make_arrays(train_count=240)
    arrays[1].sort()
    dataset = load_dataset(write_npz(tmp_path / "mine.npz", arrays))
    assert len(dataset.validation.labels) == 20 and len(dataset.train.labels) == 220
    assert set(dataset.validation.labels) == set(dataset.train.labels) == set(range(10))


def test_without_validation_all_images_train(tmp_path):
    arrays = make_arrays()
    dataset = load_dataset(write_npz(tmp_path / "mine.npz", arrays), validation=False)
    np.testing.assert_array_equal(dataset.train.images, arrays[0])
    assert dataset.validation.images.shape == (0, 28, 28)
    assert dataset.validation.labels.shape == (0,)


def test_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_idx(tmp_path / "mine", make_arrays())
    assert load_dataset("~/mine").source == str(tmp_path / "mine")


@pytest.mark.parametrize("name", ["mine", "mine.npz"])
def test_mnist_dir_is_the_default_source(tmp_path, monkeypatch, name):
    write_idx(tmp_path / "mine", make_arrays())
    write_npz(tmp_path / "mine.npz", make_arrays())
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / name))
    assert load_dataset().source == str(tmp_path / name)


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="needs the real MNIST in MNIST_DIR")
def test_real_mnist():
    dataset = load_dataset()
    assert dataset.name == "MNIST"
    assert len(dataset.train.images) == 55_000 and len(dataset.test.images) == 10_000
    assert dataset.validation.labels[:5].tolist() == [5, 0, 4, 1, 9]  # as every tutorial shows
    assert dataset.train.labels[:3].tolist() == [7, 3, 4]
    assert dataset.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


@pytest.fixture
def fewer_digits(monkeypatch, tmp_path):
    """A hundredth of the synthetic digits; returns a list of the numbers that were rendered."""
    rendered = []

    def render(count, seed):
        rendered.append(count)
        return render_digits(count // 100, seed)

    monkeypatch.setattr(synthetic_module, "render_digits", render)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return rendered


def test_synthetic_digits(fewer_digits):
    dataset = load_dataset("synthetic")
    assert dataset.name == "synthetic digits (not MNIST)" and dataset.source == "synthetic"
    assert [len(split.images) for split in (dataset.train, dataset.validation, dataset.test)] == [
        550,
        50,
        100,
    ]


def test_synthetic_digits_are_rendered_once(fewer_digits):
    first, again = load_dataset("synthetic"), load_dataset("synthetic")
    assert fewer_digits == [60_000, 10_000] and again.checksum == first.checksum
    np.testing.assert_array_equal(again.train.images, first.train.images)
    assert again.train.labels.dtype == np.int32


def cut(path):
    path.write_bytes(path.read_bytes()[:-50])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def make_text(path):
    path.write_text("no archive")


def save_one_array(path):
    with open(path, "wb") as file:
        np.save(file, np.ones(3))


def of_another_version(path):
    with np.load(path) as archive:
        np.savez(path, **{**archive, "code": "older", "x_test": archive["x_train"]})


@pytest.mark.parametrize(
    "damage", [cut, flip_a_bit, make_text, save_one_array, of_another_version, Path.unlink]
)
def test_synthetic_digits_are_rendered_again_if_their_file_cannot_be_used(
    damage, fewer_digits, tmp_path
):
    checksum = load_dataset("synthetic").checksum
    (path,) = (tmp_path / "keras").rglob("*.npz")
    damage(path)
    fewer_digits.clear()
    assert load_dataset("synthetic").checksum == checksum
    assert load_dataset("synthetic").checksum == checksum
    assert fewer_digits == [60_000, 10_000]


def test_synthetic_digits_need_no_cache(fewer_digits, tmp_path):
    (tmp_path / "keras").write_text("a file instead of the folder")
    assert load_dataset("synthetic").checksum == load_dataset("synthetic").checksum


def test_synthetic_digits_tested_on_other_data(tmp_path, fewer_digits, monkeypatch):
    arrays = make_arrays()
    path = write_npz(tmp_path / "mine.npz", arrays)
    synthetic, dataset = load_dataset("synthetic"), load_dataset(f"synthetic+{path}")
    assert dataset.name == "synthetic digits, tested on mine.npz (not MNIST)"
    np.testing.assert_array_equal(dataset.train.images, synthetic.train.images)
    np.testing.assert_array_equal(dataset.validation.labels, synthetic.validation.labels)
    np.testing.assert_array_equal(dataset.test.images, arrays[2])
    np.testing.assert_array_equal(dataset.test.labels, arrays[3])

    monkeypatch.chdir(tmp_path)
    again = load_dataset("synthetic+mine.npz")
    assert (again.source, again.checksum) == (f"synthetic+{path}", dataset.checksum)
    assert len({synthetic.checksum, load_dataset(path).checksum, dataset.checksum}) == 3
    monkeypatch.setenv("MNIST_DIR", "synthetic+mine.npz")
    assert load_dataset().checksum == dataset.checksum


# Bad data: paths.


def test_test_images_do_not_exist(tmp_path, fewer_digits):
    with pytest.raises(UserError, match="nowhere does not exist"):
        load_dataset(f"synthetic+{tmp_path / 'nowhere'}")


def test_path_does_not_exist(tmp_path):
    assert_refused(tmp_path / "nowhere", "does not exist")


def test_mnist_dir_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere does not exist"):
        load_dataset()


@pytest.mark.parametrize("name", IDX_NAMES)
def test_folder_lacks_a_file(tmp_path, name):
    write_idx(tmp_path, make_arrays())
    (tmp_path / name).unlink()
    assert_refused(tmp_path, "lacks", name)


def test_folder_instead_of_a_file(tmp_path):
    write_idx(tmp_path, make_arrays())
    (tmp_path / IDX_NAMES[1]).unlink()
    (tmp_path / IDX_NAMES[1]).mkdir()
    assert_refused(tmp_path, "lacks", IDX_NAMES[1])


def test_permission_denied(tmp_path, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    write_idx(tmp_path, make_arrays())
    monkeypatch.setattr("builtins.open", refuse)  # as root, no file mode would refuse
    with pytest.raises(UserError, match=r"-ubyte cannot be read \(Permission"):
        load_dataset(tmp_path)


# Bad data: IDX files. Each case replaces the content of one file.

IMAGES, LABELS = make_arrays()[:2]
BAD_IDX = {
    "empty file": (0, b"", "empty"),
    "header cut": (0, idx_bytes(IMAGES)[:10], "ends within its header"),
    "truncated": (0, idx_bytes(IMAGES)[:-1], "shorter"),
    "surplus": (0, idx_bytes(IMAGES) + b"\0", "longer"),
    "truncated labels": (1, idx_bytes(LABELS)[:-1], "shorter"),
    "labels for images": (0, idx_bytes(LABELS), "shape 24, not"),
    "text for images": (0, b"<!DOCTYPE html><html>", "web page"),
    "floats": (0, b"\0\0\x0d\3" + idx_bytes(IMAGES)[4:], "shorter"),
    "too many images": (0, b"\0\0\x08\3" + b"\xff" * 4 + bytes([0, 0, 0, 28] * 2), "4,294,967,295"),
    "not 28 x 28": (0, idx_bytes(IMAGES[:, :27]), "24 × 27 × 28"),
    "no images": (0, idx_bytes(IMAGES[:0]), "holds 0"),
    "fewer images": (0, idx_bytes(IMAGES[:-1]), "23 training images but 24"),
    "fewer labels": (1, idx_bytes(LABELS[:-1]), "24 training images but 23"),
    "unknown type": (0, b"\0\0\x0a\3" + idx_bytes(IMAGES)[4:], "magic number"),
    "label 70": (1, idx_bytes(np.where(np.arange(24) == 7, 70, LABELS).astype(np.uint8)), "to 70"),
    "test label 70": (3, idx_bytes(np.full(5, 70, np.uint8)), "t10k-labels"),
}


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("index, content, words", BAD_IDX.values(), ids=BAD_IDX)
def test_bad_idx(tmp_path, index, content, words, ending):
    write_idx(tmp_path, make_arrays(), ending=ending)
    path = tmp_path / (IDX_NAMES[index] + ending)
    path.write_bytes(gzip.compress(content) if ending else content)
    assert_refused(tmp_path, words)


GZIPPED = gzip.compress(idx_bytes(IMAGES))
BAD_GZIP = {
    "truncated": GZIPPED[:-100],
    "without its end": GZIPPED[:-8],
    "damaged inside": GZIPPED[:10] + b"\xff" * 10 + GZIPPED[20:],
    "damaged checksum": GZIPPED[:-8] + bytes([GZIPPED[-8] ^ 1]) + GZIPPED[-7:],
}


@pytest.mark.parametrize("content", BAD_GZIP.values(), ids=BAD_GZIP)
def test_bad_gzip(tmp_path, content):
    write_idx(tmp_path, make_arrays(), ending=".gz")
    (tmp_path / f"{IDX_NAMES[0]}.gz").write_bytes(content)
    assert_refused(tmp_path, f"{IDX_NAMES[0]}.gz is a damaged gzip file")


def test_gzip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    write_idx(tmp_path, make_arrays(), ending=".gz")
    bomb = gzip.compress(idx_bytes(IMAGES) + bytes(50_000_000))
    (tmp_path / f"{IDX_NAMES[0]}.gz").write_bytes(bomb)
    sizes = []
    read = gzip.GzipFile.read

    def record_and_read(self, size):
        sizes.append(size)
        return read(self, size)

    monkeypatch.setattr(gzip.GzipFile, "read", record_and_read)
    assert_refused(tmp_path, "longer")
    assert max(sizes) == IMAGES.size + 1


# Bad data: .npz files. Each case replaces one array.


class Forbidden:
    def __reduce__(self):
        return pytest.fail, ("an object was unpickled",)


BAD_NPZ = {
    "objects": ("x_train", np.array([Forbidden()] * 24), "x_train"),
    "object labels": ("y_train", np.array([Forbidden()] * 24), "holds object"),
    "centred images": ("x_train", IMAGES / 127.5 - 1, "from -1"),
    "fractions": ("x_train", IMAGES / 2, "fractions"),
    "not a number": ("x_train", np.full((24, 28, 28), np.nan, np.float32), "nan"),
    "wide values": ("x_train", IMAGES.astype(np.int64) + 1, "to 256"),
    "label 0.5": ("y_train", LABELS / 2, "fractions"),
    "text labels": ("y_test", np.array(list("12345")), "holds <U1"),
    "small images": ("x_test", np.zeros((5, 14, 14), np.uint8), "5 × 14 × 14, not n × 28 × 28"),
    "colour images": ("x_train", np.zeros((24, 28, 28, 3), np.uint8), "grey"),
    "several labels": ("y_train", np.ones((24, 10), np.uint8), "one-hot"),
    "a single number": ("y_train", np.uint8(1), "y_train"),
    "no images": ("x_train", IMAGES[:0], "holds 0"),
    "fewer images": ("x_train", IMAGES[:-1], "23 training images but 24"),
    "label 70": ("y_test", np.full(5, 70), "y_test"),
    "label -1": ("y_test", np.full(5, -1), "from -1"),
    "wide label": ("y_train", np.full(24, 2**32), "y_train"),
}


@pytest.mark.parametrize("name, array, words", BAD_NPZ.values(), ids=BAD_NPZ)
def test_bad_npz(tmp_path, name, array, words):
    assert_refused(write_npz(tmp_path / "mine.npz", make_arrays(), **{name: array}), words)


def test_npz_lacks_an_array(tmp_path):
    np.savez(tmp_path / "mine.npz", x_train=IMAGES, y_train=LABELS)
    assert_refused(tmp_path / "mine.npz", "lacks", "x_test")


def test_npz_whose_header_claims_too_many_images(tmp_path):
    header = {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)}
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("x_train.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, header)
    assert_refused(path, "1,000,000,000,000")


@pytest.mark.parametrize("damage", ["empty", "text", "pickle", "truncated", "flipped"])
def test_file_is_damaged_or_not_an_npz(tmp_path, damage):
    path = write_npz(tmp_path / "mine.npz", make_arrays())
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "text": b"digits",
            "pickle": pickle.dumps(Forbidden()),
            "truncated": content[:-30],
            "flipped": content[:1000] + bytes([content[1000] ^ 255]) + content[1001:],
        }[damage]
    )
    assert_refused(path, "mine.npz")


# Downloads from servers on this machine.


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """A function that starts a server of mnist.npz and returns its address.

    The cache is an empty folder, `tmp_path / "keras"`.
    """
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "*")
    folder = tmp_path / "served"
    folder.mkdir()
    write_npz(folder / "mnist.npz", make_arrays())
    servers = []

    def start():
        handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
        servers.append(http.server.ThreadingHTTPServer(("localhost", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://localhost:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def set_download(monkeypatch, tmp_path, address, sha256=None):
    content = (tmp_path / "served" / "mnist.npz").read_bytes()
    monkeypatch.setattr(download, "URL", f"{address}mnist.npz")
    monkeypatch.setattr(download, "SHA256", sha256 or hashlib.sha256(content).hexdigest())


def cached_files(tmp_path):
    return {file.name for file in (tmp_path / "keras").rglob("*") if file.is_file()}


NOWHERE = "http://localhost:1/"  # no server listens on this port


def test_download_is_cached(tmp_path, monkeypatch, serve):
    set_download(monkeypatch, tmp_path, serve())
    dataset = load_dataset("mnist")
    assert_holds(dataset, make_arrays())
    assert dataset.source == str(tmp_path / "keras" / "datasets" / "mnist.npz")
    assert cached_files(tmp_path) == {"mnist.npz"}
    monkeypatch.setattr(download, "URL", NOWHERE)
    assert load_dataset().checksum == dataset.checksum


def test_interrupted_download_leaves_nothing_behind(tmp_path, monkeypatch, serve):
    def interrupt(path, target):
        raise KeyboardInterrupt

    set_download(monkeypatch, tmp_path, serve())
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_dataset("mnist")
    assert cached_files(tmp_path) == set()


def test_requested_mnist_is_never_replaced_by_synthetic_digits(tmp_path, monkeypatch, serve):
    address = serve()
    set_download(monkeypatch, tmp_path, address, "0" * 64)
    with pytest.raises(UserError, match=r"wrong SHA-256.*set MNIST_DIR"):
        load_dataset("mnist")
    assert cached_files(tmp_path) == set()


def test_synthetic_digits_replace_an_unreachable_mnist_with_a_note(
    tmp_path, monkeypatch, serve, fewer_digits, capsys
):
    set_download(monkeypatch, tmp_path, NOWHERE)
    assert load_dataset().name == "synthetic digits (not MNIST)"
    output = capsys.readouterr()
    assert "using synthetic digits" in output.err
    assert output.err.count("\n") == 1 and output.out == ""


def test_silent_server_times_out(tmp_path, monkeypatch, serve):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    with socket.create_server(("localhost", 0)) as silent:
        address = f"http://localhost:{silent.getsockname()[1]}/"
        set_download(monkeypatch, tmp_path, address)
        with pytest.raises(UserError, match="timed out"):
            load_dataset("mnist")


@pytest.mark.parametrize("source", [None, "mnist"])
def test_damaged_cached_file_is_named_and_kept(tmp_path, monkeypatch, serve, source):
    set_download(monkeypatch, tmp_path, serve())
    cached = tmp_path / "keras" / "datasets" / "mnist.npz"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"damaged")
    with pytest.raises(UserError, match="mnist.npz is damaged: delete it"):
        load_dataset(source)
    assert cached.read_bytes() == b"damaged"


@pytest.mark.parametrize("reason", ["a file is in the way", "no home folder"])
def test_a_download_that_cannot_be_cached_is_used_with_a_note(
    reason, tmp_path, monkeypatch, serve, capsys
):
    set_download(monkeypatch, tmp_path, serve())
    folder = tmp_path / "file"
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    folder.touch()
    if reason == "no home folder":
        monkeypatch.delenv("KERAS_HOME")
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])
        (tmp_path / "work").mkdir()
        monkeypatch.chdir(tmp_path / "work")
    dataset = load_dataset()
    assert_holds(dataset, make_arrays())
    lines = capsys.readouterr().err.splitlines()
    (note,) = [line for line in lines if "GET" not in line]  # the server prints its requests
    assert "mnist.npz cannot be written" in note
    assert load_dataset(dataset.source).checksum == dataset.checksum
    assert folder.read_bytes() == b"" and not list(tmp_path.glob("work/*"))


def test_a_cached_file_that_cannot_be_read_is_named(tmp_path, monkeypatch, serve):
    set_download(monkeypatch, tmp_path, serve())
    cached = tmp_path / "keras" / "datasets" / "mnist.npz"
    cached.mkdir(parents=True)
    with pytest.raises(UserError, match="mnist.npz cannot be read"):
        load_dataset()


# What was given.


def test_a_mistake_in_the_environment_variable_names_it(tmp_path, monkeypatch):
    for value in (tmp_path / "none", "https://example.org/mnist", tmp_path / ("n" * 300)):
        monkeypatch.setenv("MNIST_DIR", str(value))
        with pytest.raises(UserError) as mistake:
            load_dataset()
        assert "MNIST_DIR" in str(mistake.value) and str(value) in str(mistake.value)
        with pytest.raises(UserError) as mistake:
            load_dataset(tmp_path / "flag")
        assert "MNIST_DIR" not in str(mistake.value)


@pytest.mark.parametrize("url", ["https://example.org/mnist.npz", "s3://mnist/"])
@pytest.mark.parametrize("before", ["", "synthetic+"])
def test_a_url_is_refused_as_such(before, url):
    with pytest.raises(UserError, match=f"^{url} is a URL"):
        load_dataset(before + url)
