"""MNIST, or data in its format, as NumPy arrays: read from files, downloaded, or drawn instead."""

import gzip
import hashlib
import math
import os
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_lstm.download import find_or_download_mnist
from tf_lstm.drawn_digits import draw_digits
from tf_lstm.errors import UserError

LARGEST_COUNT = 1_000_000  # images: a damaged header that promises more must not fill the memory
MNIST_CHECKSUM = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
DRAWN_SEEDS = (0, 1)  # of the training and the test digits

# The four arrays: name in Keras' .npz file, start of the IDX file's name, shape after the count.
ARRAYS = (
    ("x_train", "train-images", (28, 28)),
    ("y_train", "train-labels", ()),
    ("x_test", "t10k-images", (28, 28)),
    ("y_test", "t10k-labels", ()),
)


@dataclass(frozen=True)
class Split:
    """images: (n, 28, 28) uint8, 0 to 255; labels: (n,) int32, 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Three splits, and what they are.

    name: 'MNIST' for exactly that, else a name that says it is not MNIST.
    source: the path that was read, or 'drawn'; given to load_dataset it loads the same again.
    checksum: SHA-256 of all pixels and labels (see compute_checksum).
    """

    name: str
    source: str
    checksum: str
    train: Split
    validation: Split
    test: Split


def load_dataset(source=None, validation=True):
    """Load MNIST, or other images of 28 × 28 pixels in ten classes.

    source: 'mnist' (Keras' cache, else a download), 'drawn' (digits drawn from fonts), or a path:
        a folder with four IDX files named like MNIST's, gzipped or not, or Keras' .npz file.
        None means the path in the environment variable MNIST_DIR, or else 'mnist', or else
        'drawn', and then a line on standard error says so.
    validation: set the first twelfth of the training images aside (5,000 of MNIST's 60,000, as
        TensorFlow's old reader did); if false, all of them train and validation is empty.

    Raises UserError if the source cannot be used. Never changes a file that is already there.
    """
    path = None if source in ("mnist", "drawn") else source or os.environ.get("MNIST_DIR")
    if not path and source != "drawn":
        try:
            path = find_or_download_mnist()
        except OSError as error:
            problem = f"MNIST cannot be downloaded ({error})"
            if source == "mnist":
                raise UserError(f"{problem}: set MNIST_DIR to a folder with its files.") from error
            print(f"{problem}: digits drawn from fonts stand in for it.", file=sys.stderr)
    if path:
        path = Path(os.path.expanduser(path)).absolute()
        arrays = read_path(path)
        name, source = f"{path.name}{'/' if path.is_dir() else ''} (not MNIST)", str(path)
    else:
        arrays = (*draw_digits(60_000, DRAWN_SEEDS[0]), *draw_digits(10_000, DRAWN_SEEDS[1]))
        name, source = "drawn digits (not MNIST)", "drawn"

    images, labels, test_images, test_labels = arrays
    held_back = len(images) // 12 if validation else 0
    checksum = compute_checksum(arrays)
    return Dataset(
        "MNIST" if checksum == MNIST_CHECKSUM else name,
        source,
        checksum,
        train=Split(images[held_back:], labels[held_back:]),
        validation=Split(images[:held_back], labels[:held_back]),
        test=Split(test_images, test_labels),
    )


def compute_checksum(arrays):
    """SHA-256 of x_train, y_train, x_test and y_test one after another, a byte for each value."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, np.uint8).data)
    return digest.hexdigest()


def read_path(path):
    """Read a folder of IDX files or an .npz file: images, labels, test images, test labels."""
    try:
        if path.is_dir():
            arrays = [read_idx(path, name, shape) for _, name, shape in ARRAYS]
        elif path.exists():
            arrays = read_npz(path)
        else:
            raise UserError(f"{path} does not exist: name a folder of IDX files or an .npz file.")
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{error.filename or path} cannot be read ({reason}).") from error

    for part, images, labels in (("training", *arrays[:2]), ("test", *arrays[2:])):
        if len(images) != len(labels):
            raise UserError(
                f"{path} does not fit together: it has {len(images)} {part} images "
                f"but {len(labels)} {part} labels."
            )
        if labels.min() < 0 or labels.max() > 9:
            raise UserError(f"{path} has {part} labels outside 0 to 9: number the classes so.")
    return arrays[0], arrays[1].astype(np.int32), arrays[2], arrays[3].astype(np.int32)


def read_idx(folder, name, item_shape):
    """Read an IDX file: a magic number, the shape (both big-endian), then a byte for each value."""
    dimensions = 1 + len(item_shape)
    endings = [f"{mark}idx{dimensions}-ubyte{gz}" for mark in "-." for gz in ("", ".gz")]
    paths = [folder / f"{name}{ending}" for ending in endings]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        raise UserError(f"{folder} lacks {name}{endings[0]} (or .gz): put the file there.")
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            header = file.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions:
                raise UserError(f"{path} ends within its header: get it again.")
            magic, *shape = np.frombuffer(header, ">u4").tolist()
            if magic != 0x0800 + dimensions:  # 08 means bytes
                raise UserError(
                    f"{path} is the wrong file: its magic number is {magic}, not "
                    f"{0x0800 + dimensions}."
                )
            check_shape(path, shape, item_shape)
            size = math.prod(shape)
            content = file.read(size + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} is no intact gzip file ({error}): get it again.") from error
    if len(content) != size:
        difference = "shorter" if len(content) < size else "longer"
        raise UserError(f"{path} is {difference} than its header promises: get it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_npz(path):
    """Read Keras' .npz file; each array's shape and type are checked before its values are read."""
    arrays = []
    try:
        with zipfile.ZipFile(path) as archive:
            for name, _, item_shape in ARRAYS:
                if f"{name}.npy" not in archive.namelist():
                    raise UserError(f"{path} lacks the array {name}: add it.")
                with archive.open(f"{name}.npy") as file:
                    np.lib.format.read_magic(file)
                    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                check_shape(f"{path} ({name})", shape, item_shape)
                if dtype != np.uint8 and (item_shape or dtype.kind not in "iu"):
                    raise UserError(f"{path} ({name}) holds {dtype}: convert it to uint8.")
                with archive.open(f"{name}.npy") as file:
                    arrays.append(np.lib.format.read_array(file, allow_pickle=False))
    except (OSError, UserError):
        raise
    except Exception as error:  # damage shows in zipfile, zlib or NumPy, as a dozen kinds of error
        raise UserError(f"{path} is no intact .npz file: get it again.") from error
    return arrays


def check_shape(where, shape, item_shape):
    """Refuse, before any value is read, an array of a wrong shape, an empty or a giant one."""
    if len(shape) != 1 + len(item_shape) or tuple(shape[1:]) != item_shape:
        wanted = " × ".join(map(str, ("n", *item_shape)))
        raise UserError(f"{where} has the shape {' × '.join(map(str, shape))}, not {wanted}.")
    if not 0 < shape[0] <= LARGEST_COUNT:
        raise UserError(f"{where} holds {shape[0]:,} items, not 1 to {LARGEST_COUNT:,}.")
