"""Data sets in the files that people have."""

import gzip
import io
import os
import pickle
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_data import IDX_NAMES, assert_holds, assert_refused, idx_bytes, make_arrays, write_idx

from tf_lstm.data.dataset import load_dataset
from tf_lstm.terminal.errors import UserError


@pytest.fixture
def arrays():
    return make_arrays(60, 20)


def as_npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def as_csv(images, labels, header=False):
    lines = ["label," + ",".join(f"pixel{at}" for at in range(784))] if header else []
    for image, label in zip(images, labels, strict=True):
        lines.append(",".join(map(str, [label, *image.ravel()])))
    return ("\n".join(lines) + "\n").encode()


def classes(arrays):
    return 1 + max(arrays[1].max(), arrays[3].max())


# IDX files.


def test_idx_files_inside_folders_of_their_own_names(tmp_path, arrays):
    for name, array in zip(IDX_NAMES, arrays, strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(idx_bytes(array))
    assert_holds(load_dataset(tmp_path), arrays)
    write_idx(tmp_path, arrays, mark=".")
    assert_holds(load_dataset(tmp_path), arrays)


def test_compression_is_recognized_by_the_content(tmp_path, arrays):
    write_idx(tmp_path, arrays)
    first, second, *_ = (tmp_path / name for name in IDX_NAMES)
    first.write_bytes(gzip.compress(first.read_bytes()))
    second.rename(tmp_path / f"{second.name}.gz")
    assert_holds(load_dataset(tmp_path), arrays)


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path, arrays):
    write_idx(tmp_path, arrays)
    os.mkfifo(tmp_path / "t10k-images.idx3-ubyte")
    assert_holds(load_dataset(tmp_path), arrays)
    for path in (tmp_path / "t10k-images.idx3-ubyte", Path("/dev/zero")):
        assert_refused(path, "neither")


def test_a_path_that_does_not_exist_is_not_searched_for_elsewhere(tmp_path, arrays):
    (tmp_path / "raw").mkdir()
    write_idx(tmp_path / "raw", arrays)
    for name in ("none", "none/raw", "raw/none", "mnist"):
        with pytest.raises(UserError, match=f"{name} does not exist"):
            load_dataset(tmp_path / name)


def test_names_in_capitals_and_of_second_downloads(tmp_path, arrays):
    write_idx(tmp_path, arrays, ending=".gz")
    for path in [*tmp_path.iterdir()]:
        path.rename(tmp_path / path.name.upper().replace(".GZ", " (1).GZ"))
    assert_holds(load_dataset(tmp_path), arrays)


@pytest.mark.parametrize("folder", ["MNIST/raw", "FashionMNIST/raw"])
def test_the_layout_of_torchvision(tmp_path, arrays, folder):
    (tmp_path / folder).mkdir(parents=True)
    write_idx(tmp_path / folder, arrays)
    write_idx(tmp_path / folder, arrays, ending=".gz")
    assert_holds(load_dataset(tmp_path), arrays)


def test_one_of_several_data_sets_is_chosen_by_its_path(tmp_path, arrays):
    for name in ("MNIST", "KMNIST"):
        (tmp_path / name / "raw").mkdir(parents=True)
        write_idx(tmp_path / name / "raw", arrays)
    assert_refused(tmp_path, "KMNIST/raw", "MNIST/raw")
    assert_holds(load_dataset(tmp_path / "MNIST"), arrays)


def write_emnist(folder, arrays, split="letters"):
    for (name, array), turn in zip(
        zip(IDX_NAMES, arrays, strict=True), (True, False) * 2, strict=True
    ):
        name = f"emnist-{split}-{name.replace('t10k', 'test')}.gz"
        content = idx_bytes(array.transpose(0, 2, 1).copy() if turn else array)
        (folder / name).write_bytes(gzip.compress(content))


def test_emnist_is_turned_upright_and_its_letters_are_named(tmp_path, arrays, capsys):
    letters = [arrays[0], np.arange(60, dtype=np.uint8) % 26 + 1, arrays[2],
               np.arange(20, dtype=np.uint8) + 1]  # fmt: skip
    write_emnist(tmp_path, letters)
    mapping = "".join(f"{label} {64 + label} {96 + label}\n" for label in range(1, 27))
    (tmp_path / "emnist-letters-mapping.txt").write_text(mapping)
    dataset = load_dataset(tmp_path)
    assert_holds(dataset, [letters[0], letters[1] - 1, letters[2], letters[3] - 1])
    assert "".join(dataset.class_names) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_one_split_of_emnist_is_chosen_by_its_name(tmp_path, arrays):
    other = make_arrays(48, 12)
    write_emnist(tmp_path, arrays)
    write_emnist(tmp_path, other, "digits")
    assert_refused(tmp_path, "emnist-letters", "emnist-digits", str(tmp_path / "emnist-"))
    assert_holds(load_dataset(tmp_path / "emnist-digits"), other)
    assert_holds(load_dataset(tmp_path / "emnist-letters-train-images-idx3-ubyte.gz"), arrays)
    assert load_dataset(tmp_path / "emnist-digits").source == str(tmp_path / "emnist-digits")
    with pytest.raises(UserError, match="emnist-none does not exist"):
        load_dataset(tmp_path / "emnist-none")


def test_the_extended_labels_of_qmnist(tmp_path, arrays):
    for index, name in enumerate(IDX_NAMES):
        name, content = f"qmnist-{name.replace('t10k', 'test')}", idx_bytes(arrays[index])
        if index % 2:
            labels = np.full((len(arrays[index]), 8), 3000, ">i4")
            labels[:, 0] = arrays[index]
            shape = np.array(labels.shape, ">u4").tobytes()
            name = name.replace("idx1-ubyte", "idx2-int")
            content = bytes([0, 0, 0x0C, 2]) + shape + labels.tobytes()
        (tmp_path / name).write_bytes(content)
    assert_holds(load_dataset(tmp_path), arrays)


# .npz files.


@pytest.mark.parametrize("name", ["kmnist", "k49"])
def test_the_four_npz_files_of_kmnist(tmp_path, arrays, name):
    files = ("train-imgs", "train-labels", "test-imgs", "test-labels")
    for part, array in zip(files, arrays, strict=True):
        np.savez(tmp_path / f"{name}-{part}.npz", array)
    assert_holds(load_dataset(tmp_path), arrays)


def test_the_arrays_of_medmnist_have_their_own_validation_images(tmp_path, arrays):
    images, labels, *test = arrays
    names = [
        f"{split}_{kind}" for split in ("train", "val", "test") for kind in ("images", "labels")
    ]
    parts = [
        images[:50],
        labels[:50, None],
        images[50:],
        labels[50:, None],
        test[0],
        test[1][:, None],
    ]
    np.savez(tmp_path / "organmnist.npz", **dict(zip(names, parts, strict=True)))
    dataset = load_dataset(tmp_path / "organmnist.npz")
    np.testing.assert_array_equal(dataset.train.images, images[:50])
    np.testing.assert_array_equal(dataset.validation.labels, labels[50:])
    np.testing.assert_array_equal(dataset.test.labels, test[1])
    assert len(load_dataset(tmp_path / "organmnist.npz", validation=False).train.labels) == 60


CHANGES = {
    "with a channel": lambda images, labels: (images[..., None], labels),
    "with a channel first": lambda images, labels: (images[:, None], labels),
    "flat": lambda images, labels: (images.reshape(-1, 784), labels),
    "labels in a column": lambda images, labels: (images, labels[:, None]),
    "one-hot labels": lambda images, labels: (images, np.eye(10)[labels]),
    "wide integers": lambda images, labels: (images.astype(np.int64), labels.astype(">i8")),
    "float pixels": lambda images, labels: (images.astype(np.float64), labels.astype(np.float32)),
    "in the order of Fortran": lambda images, labels: (np.asfortranarray(images), labels),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_arrays_of_other_shapes_and_types(tmp_path, arrays, change, capsys):
    changed = [*change(*arrays[:2]), *change(*arrays[2:])]
    names = ("X_train", "Y_train", "X_test", "Y_test")
    np.savez(tmp_path / "mine.npz", **dict(zip(names, changed, strict=True)))
    assert_holds(load_dataset(tmp_path / "mine.npz"), arrays)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pixels_from_0_to_1_are_recognized_in_one_printed_line(tmp_path, arrays, dtype, capsys):
    images, labels, test_images, test_labels = arrays
    scaled = {"x_train": (images / 255).astype(dtype), "x_test": (test_images / 255).astype(dtype)}
    np.savez(tmp_path / "mine.npz", **scaled, y_train=labels, y_test=test_labels)
    assert_holds(load_dataset(tmp_path / "mine.npz"), arrays)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_npy_files(tmp_path, arrays):
    for name, array in zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True):
        (tmp_path / f"{name}.npy").write_bytes(as_npy(array))
    assert_holds(load_dataset(tmp_path), arrays)


# Tables and archives.


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_tables_of_labels_and_pixels(tmp_path, arrays, header, ending):
    for name, part in (("train", arrays[:2]), ("test", arrays[2:])):
        content = as_csv(*part, header)
        path = tmp_path / f"mnist_{name}.csv{ending}"
        path.write_bytes(gzip.compress(content) if ending else content)
    assert_holds(load_dataset(tmp_path), arrays)
    assert_holds(load_dataset(path), arrays)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"label,name\n1,a\n",
        b"1," * 783 + b"1\n",
        b"1," * 784 + b"x\n",
        b"1," * 784 + b"1\n1,2\n",
    ],
)
def test_a_wrong_table_is_named(tmp_path, arrays, content):
    (tmp_path / "mnist_train.csv").write_bytes(content)
    (tmp_path / "mnist_test.csv").write_bytes(as_csv(*arrays[2:]))
    assert_refused(tmp_path, "mnist_train.csv")


@pytest.mark.parametrize("ending", [".zip", ".tar.gz", ".tar"])
def test_archives_are_read_without_unpacking_them(tmp_path, arrays, ending):
    folder = write_idx(tmp_path / "mine", arrays, ending=".gz")
    path = tmp_path / f"archive{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, f"gzip/{file.name}")
                archive.writestr(f"__MACOSX/gzip/._{file.name}", b"a Mac's attributes")
    else:
        with tarfile.open(path, "w:gz" if ending.endswith("gz") else "w") as archive:
            archive.add(folder, "MNIST/raw")
    assert_holds(load_dataset(path), arrays)
    assert {each.name for each in tmp_path.iterdir()} == {"mine", path.name}


def test_a_split_in_an_archive_is_chosen_by_its_name(tmp_path, arrays):
    (tmp_path / "gzip").mkdir()
    for split in ("letters", "digits"):
        write_emnist(tmp_path / "gzip", arrays, split)
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        for file in (tmp_path / "gzip").iterdir():
            archive.write(file, f"gzip/{file.name}")
    assert_refused(tmp_path / "gzip.zip", "emnist-letters")
    assert_holds(load_dataset(tmp_path / "gzip.zip" / "emnist-letters"), arrays)


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_a_damaged_archive_is_named(tmp_path, arrays, ending):
    path = tmp_path / f"archive{ending}"
    path.write_bytes((b"PK\3\4" if ending == ".zip" else gzip.compress(b"?" * 2000)) + b"damaged")
    assert_refused(path)


# What is not read.

FOREIGN = {
    "data.mat": (b"MATLAB 5.0 MAT-file", "MATLAB"),
    "data.pkl": (pickle.dumps([1]), "pickle"),
    "data.parquet": (b"PAR1....PAR1", "Parquet"),
    "data.h5": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "page.npz": (b"<!DOCTYPE html><html></html>", "web page"),
    "pointer.npz": (b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_formats_are_refused_by_name(tmp_path, name):
    content, word = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    assert_refused(tmp_path / name, word)
    assert_refused(tmp_path, word)


def test_pictures_sorted_by_class_are_converted_by_the_code_on_the_page(tmp_path, monkeypatch):
    for split in ("train", "test"):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / "pictures" / split / name).mkdir(parents=True)
            for number in range(12):
                picture = Image.fromarray(np.full((28, 28), 100 * label + number, np.uint8))
                picture.save(tmp_path / "pictures" / split / name / f"{number}.png")
    assert_refused(tmp_path / "pictures", "scripts/README.md")
    page = Path(__file__).resolve().parents[1] / "scripts" / "README.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    dataset = load_dataset("pictures.npz")
    assert dataset.class_names == ("cat", "dog")
    np.testing.assert_array_equal(dataset.test.images[:, 0, 0] >= 100, dataset.test.labels)


def test_a_web_page_under_the_name_of_a_file_is_named(tmp_path, arrays):
    write_idx(tmp_path, arrays, ending=".gz")
    (tmp_path / f"{IDX_NAMES[2]}.gz").write_bytes(b"\n<html><body>Not found</body></html>")
    assert_refused(tmp_path, IDX_NAMES[2], "web page")


# Classes.


def test_the_number_of_classes_is_that_of_the_labels(tmp_path, arrays):
    for count in (2, 5, 47, 62):
        labels = np.arange(62) % count
        np.savez(tmp_path / "mine.npz", x_train=np.zeros((62, 28, 28), np.uint8), y_train=labels,
                 x_test=arrays[2], y_test=labels[:20])  # fmt: skip
        names = load_dataset(tmp_path / "mine.npz").class_names
        assert names == tuple(map(str, range(count)))


def test_labels_from_1_are_counted_from_0_and_keep_their_names(tmp_path, arrays, capsys):
    labels = np.arange(60) % 5 + 1
    np.savez(tmp_path / "mine.npz", x_train=arrays[0], y_train=labels, x_test=arrays[2],
             y_test=labels[:20])  # fmt: skip
    dataset = load_dataset(tmp_path / "mine.npz")
    np.testing.assert_array_equal(dataset.test.labels, labels[:20] - 1)
    assert dataset.class_names == tuple("12345")
    assert "1 to 5" in capsys.readouterr().err


def test_one_class_is_refused(tmp_path, arrays):
    zeros = {"y_train": np.zeros(60, int), "y_test": np.zeros(20, int)}
    np.savez(tmp_path / "mine.npz", x_train=arrays[0], x_test=arrays[2], **zeros)
    assert_refused(tmp_path / "mine.npz", "1 classes")
