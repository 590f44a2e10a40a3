"""MNIST, or data in its format, as NumPy arrays: read from files, downloaded or rendered."""

import hashlib
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tf_lstm.data.class_names import DIGITS, name_classes
from tf_lstm.data.download import find_or_download_mnist
from tf_lstm.data.files import Arrays, Data, read_data
from tf_lstm.data.synthetic import synthetic_digits
from tf_lstm.terminal.errors import UserError

MNIST_CHECKSUM = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
TESTED_ON = "synthetic+"  # in a source: the source of the test images follows


@dataclass(frozen=True)
class Split:
    """Images and their labels."""

    images: np.ndarray  # (n, 28, 28) uint8, 0 to 255
    labels: np.ndarray  # (n,) int32, from 0


@dataclass(frozen=True)
class Dataset:
    """Three splits and their origin."""

    name: str  # "MNIST" if the data is exactly that, and only then
    source: str  # with an absolute path, or "synthetic"; `load_dataset(source)` loads it again
    checksum: str  # see `compute_checksum`; two of them if the test images have another source
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...] = DIGITS


def load_dataset(source: str | Path | None = None, validation: bool = True) -> Dataset:
    """Load MNIST, or other images of 28 × 28 pixels in 2 to 62 classes.

    Args:
        source: "mnist" (from Keras' cache, else downloaded), "synthetic" (digits rendered from pen
            strokes), or a path; see `files.read_data`. The names of the classes are read from a
            classes.txt beside the files if there is one. What was changed in the data is said on
            standard error. "synthetic+mnist" and "synthetic+PATH" are synthetic digits with
            the test images of "mnist" or the path. None uses the path in the environment variable
            MNIST_DIR, else "mnist", else "synthetic" with a note on standard error.
        validation: hold out a twelfth of the training images: the first 5,000 of MNIST's 60,000, as
            TensorFlow's old reader did, or every twelfth image of other data. If False, all images
            are trained on.

    Raises:
        UserError: the source cannot be used.
    """
    if not source and (variable := os.environ.get("MNIST_DIR")):
        try:
            return load_dataset(variable, validation)
        except UserError as error:
            raise UserError(f"MNIST_DIR: {error}") from error
    source = str(source or "")
    if source.startswith(TESTED_ON):
        tested = load_dataset(source.removeprefix(TESTED_ON) or "mnist")
        if len(tested.class_names) > len(DIGITS):
            raise UserError(
                f"{tested.source} has {len(tested.class_names)} classes, and the synthetic digits "
                f"have {len(DIGITS)}: name other data after {TESTED_ON}."
            )
        synthetic = load_dataset("synthetic", validation)
        return replace(
            synthetic,
            name=f"synthetic digits, tested on {tested.name}",
            source=TESTED_ON + tested.source,
            checksum=synthetic.checksum + tested.checksum,
            test=tested.test,
        )
    found = find_data(source)
    if found is None:
        name, used_source = "synthetic digits (not MNIST)", "synthetic"
        data, names = Data(synthetic_digits()), DIGITS
    elif isinstance(found, bytes):
        name, used_source, names = "MNIST", "mnist", DIGITS
        data = read_data(Path("mnist.npz"), found)
    else:
        data, names = count_from_zero(found, read_data(found))
        name, used_source = f"{found.name}{'/' if found.is_dir() else ''} (not MNIST)", str(found)
    for note in data.notes:
        print(f"{used_source}: {note}", file=sys.stderr)

    images, labels, test_images, test_labels = data.arrays
    checksum = compute_checksum(data.arrays)
    name = "MNIST" if checksum == MNIST_CHECKSUM else name
    held_out = np.zeros(len(images), bool)
    if validation and data.validation:
        held_out[-data.validation :] = True
    elif validation:
        held_out = choose_held_out(len(images), name)
    return Dataset(
        name,
        used_source,
        checksum,
        train=Split(images[~held_out], labels[~held_out]),
        validation=Split(images[held_out], labels[held_out]),
        test=Split(test_images, test_labels),
        class_names=names,
    )


def count_from_zero(path: Path, data: Data) -> tuple[Data, tuple[str, ...]]:
    """The data with labels from 0, and the names of the classes."""
    images, labels, test_images, test_labels = data.arrays
    lowest, highest = min(labels.min(), test_labels.min()), max(labels.max(), test_labels.max())
    names, first = name_classes(path, int(lowest), int(highest), data.names)
    if not first:
        return data, names
    note = f"Its labels are from 1 to {highest}: they are counted from 0 to {highest - 1}."
    arrays = images, labels - first, test_images, test_labels - first
    return replace(data, arrays=arrays, notes=(*data.notes, note)), names


def choose_held_out(count: int, name: str) -> np.ndarray:
    """Which of `count` training images are held out for validation, a twelfth: (count,) bool."""
    if name == "MNIST":
        return np.arange(count) < count // 12
    # Not the first ones: data of one's own may be sorted by class.
    return np.arange(count) % 12 == 11


def find_data(source: str) -> Path | bytes | None:
    """The absolute path to read for this source; None for synthetic digits.

    For MNIST that was downloaded but cannot be cached, it is the content of its .npz file.
    """
    if source == "synthetic":
        return None
    if re.match(r"\w\w+:/", source):
        raise UserError(f"{source} is a URL: download its files, and name their folder.")
    if source and source != "mnist":
        return Path(os.path.expanduser(source)).absolute()
    try:
        found = find_or_download_mnist()
        return found.absolute() if isinstance(found, Path) else found
    except OSError as error:
        problem = f"MNIST cannot be downloaded ({getattr(error, 'reason', error)})"
        if source == "mnist":
            raise UserError(f"{problem}: set MNIST_DIR to a folder with its files.") from error
        print(f"{problem}: using synthetic digits.", file=sys.stderr)
        return None


def compute_checksum(arrays: Arrays) -> str:
    """SHA-256 of x_train, y_train, x_test and y_test in this order, one byte per value."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, np.uint8).data)
    return digest.hexdigest()
