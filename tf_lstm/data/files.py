"""Reads MNIST's file formats: a folder of four IDX files, or Keras' .npz file."""

import gzip
import io
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import exists

SIZE = 28  # pixels along each side of an image
LARGEST_COUNT = 1_000_000  # images; a damaged header with a larger number must not fill the memory

# The four arrays: name in Keras' .npz file, start of the IDX file's name, shape after the count.
ARRAYS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("x_train", "train-images", (SIZE, SIZE)),
    ("y_train", "train-labels", ()),
    ("x_test", "t10k-images", (SIZE, SIZE)),
    ("y_test", "t10k-labels", ()),
)
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def read_folder_or_npz(path: Path, content: bytes | None = None) -> Arrays:
    """Read the training images and labels, then the test images and labels.

    Args:
        path: a folder with four IDX files named like MNIST's, gzipped or not, or an .npz file.
        content: the .npz file's content, if it is in memory only; then nothing is read.

    Returns:
        Images are (n, 28, 28) uint8, labels (n,) int32 from 0 to 9.

    Raises:
        UserError: a file is missing, damaged, or has other content.
    """
    try:
        if content is not None:
            arrays = read_npz(path, io.BytesIO(content))
        elif not exists(path):
            raise UserError(f"{path} does not exist: name a folder of IDX files or an .npz file.")
        elif path.is_dir():
            arrays = [read_idx(path, name, shape) for _, name, shape in ARRAYS]
        else:
            arrays = read_npz(path)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{error.filename or path} cannot be read ({reason}).") from error

    train_images, train_labels, test_images, test_labels = arrays
    for part, images, labels in (
        ("training", train_images, train_labels),
        ("test", test_images, test_labels),
    ):
        if len(images) != len(labels):
            raise UserError(
                f"{path} is inconsistent: it has {len(images)} {part} images "
                f"but {len(labels)} {part} labels."
            )
        if labels.min() < 0 or labels.max() > 9:
            raise UserError(f"{path} has {part} labels outside 0 to 9: use labels from 0 to 9.")
    return train_images, train_labels.astype(np.int32), test_images, test_labels.astype(np.int32)


def read_idx(folder: Path, name: str, item_shape: tuple[int, ...]) -> np.ndarray:
    """Read an IDX file: a magic number, the shape (both big-endian), then one byte per value.

    Args:
        name: the start of the file's name.
        item_shape: the expected shape of one item.
    """
    dimensions = 1 + len(item_shape)
    endings = [f"{mark}idx{dimensions}-ubyte{gz}" for mark in "-." for gz in ("", ".gz")]
    paths = [folder / f"{name}{ending}" for ending in endings]
    path = next((path for path in paths if exists(path)), None)
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
        raise UserError(f"{path} is a damaged gzip file ({error}): get it again.") from error
    if len(content) != size:
        difference = "shorter" if len(content) < size else "longer"
        raise UserError(f"{path} is {difference} than its header says: get it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_npz(path: Path, file: io.BytesIO | None = None) -> list[np.ndarray]:
    """Read Keras' .npz file; each array's shape and type are checked before its values are read.

    Args:
        path: where it is; only for messages if `file` is given.
        file: the same file in memory.
    """
    arrays = []
    try:
        with zipfile.ZipFile(file or path) as archive:
            for name, _, item_shape in ARRAYS:
                if f"{name}.npy" not in archive.namelist():
                    raise UserError(f"{path} lacks the array {name}: add it.")
                with archive.open(f"{name}.npy") as member:
                    np.lib.format.read_magic(member)
                    shape, _, dtype = np.lib.format.read_array_header_1_0(member)
                check_shape(f"{path} ({name})", shape, item_shape)
                if dtype != np.uint8 and (item_shape or dtype.kind not in "iu"):
                    raise UserError(f"{path} ({name}) holds {dtype}: convert it to uint8.")
                with archive.open(f"{name}.npy") as member:
                    arrays.append(np.lib.format.read_array(member, allow_pickle=False))
    except (OSError, UserError):
        raise
    except Exception as error:  # zipfile, zlib and NumPy report damage by a dozen exception types
        raise UserError(f"{path} is damaged or not an .npz file: get it again.") from error
    return arrays


def check_shape(where: str | Path, shape: Sequence[int], item_shape: tuple[int, ...]) -> None:
    """Refuse an array of the wrong shape, without items, or with more than `LARGEST_COUNT`."""
    if len(shape) != 1 + len(item_shape) or tuple(shape[1:]) != item_shape:
        expected = " × ".join(map(str, ("n", *item_shape)))
        raise UserError(f"{where} has the shape {' × '.join(map(str, shape))}, not {expected}.")
    if not 0 < shape[0] <= LARGEST_COUNT:
        raise UserError(f"{where} holds {shape[0]:,} items, not 1 to {LARGEST_COUNT:,}.")
