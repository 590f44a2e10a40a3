"""Reads the arrays in one file, whose format is recognized by its content: IDX, .npz, .npy or CSV.

Nothing is unpickled, and a header is checked before the memory for its values is allocated.
"""

import gzip
import io
import math
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from tf_lstm.terminal.errors import UserError

SIZE = 28  # pixels along each side of an image
LARGEST_COUNT = 1_000_000  # images; a damaged header with a larger number must not fill the memory

# The third byte of an IDX file; see the description of the format on MNIST's page.
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PICTURES = PNG, JPEG = b"\x89PNG", b"\xff\xd8"
GZIP, ZIP, NPY = b"\x1f\x8b", b"PK\x03\x04", b"\x93NUMPY"
CONVERT = "save its arrays as x_train, y_train, x_test and y_test with numpy.savez"
UNPACK = "unpack it, and name the folder"
# Formats that are not read: the first bytes, what it is, what to do.
FOREIGN = (
    (b"<", "a web page, not the data", "download the file itself"),
    (b"version https://git-lfs", "a Git LFS pointer, not the data", "run git lfs pull"),
    (b"MATLAB", "a MATLAB file", f"read it with scipy.io.loadmat, and {CONVERT}"),
    (b"\x89HDF", "an HDF5 file", f"read it with h5py, and {CONVERT}"),
    (b"PAR1", "a Parquet file", f"read it with pandas.read_parquet, and {CONVERT}"),
    (b"\x80", "a pickle file, which could run any program when it is opened",
     f"if you trust it, open it yourself, and {CONVERT}"),
    (PNG, "a single image", "name the folder or file with the whole data set"),
    (JPEG, "a single image", "name the folder or file with the whole data set"),
    (b"7z\xbc\xaf", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"\xfd7zXZ", "an xz file", UNPACK),
    (b"BZh", "a bzip2 file", UNPACK),
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A file, in a folder or in an archive."""

    where: str  # its path, for messages
    path: PurePosixPath  # within the folder or archive
    open: Callable[[], Any]  # returns a binary file with `peek`


def read_arrays(entry: Entry, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """The arrays in a file by name.

    IDX and .npy files hold one array, named "". CSV files hold "images" and "labels".

    Args:
        entry: the file.
        wanted: whether the array with this name is to be read.

    Raises:
        UserError: the file is damaged, or has a format that is not read.
    """
    where = entry.where
    try:
        with closing(entry.open()) as raw, closing(uncompressed(raw)) as file:
            start = file.peek(32)[:32]
            refuse_foreign(where, start)
            if start.startswith(ZIP):
                return read_npz(where, file, wanted)
            if start.startswith(NPY):
                return {"": read_npy(where, file)}
            if start[:2] == b"\0\0":
                return {"": read_idx(where, file)}
            if start[:1].isalnum() or start[:1] in (b'"', b"\xef"):
                return read_csv(where, file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{where} is a damaged gzip file ({error}): get it again.") from error
    raise UserError(f"{where} is damaged or not an IDX, .npz or CSV file: get it again.")


def uncompressed(file: Any) -> Any:
    """The file, or the content of a gzip file whatever its name is."""
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == GZIP else file


def refuse_foreign(where: str, start: bytes) -> None:
    """Raise a UserError that names the format, if these first bytes are those of a foreign one."""
    if not start:
        raise UserError(f"{where} is empty: get it again.")
    for magic, kind, remedy in FOREIGN:
        if start.lstrip().startswith(magic):
            raise UserError(f"{where} is {kind}: {remedy}.")


def read_idx(where: str, file: Any) -> np.ndarray:
    """Read an IDX file: two zeros, the type, the number of dimensions, the shape, the values."""
    header = file.read(4)
    kind, dimensions = header[2:] if len(header) == 4 else (0x08, 0)
    header = file.read(4 * dimensions)
    if not dimensions or len(header) < 4 * dimensions:
        raise UserError(f"{where} ends within its header: get it again.")
    if kind not in IDX_TYPES or dimensions > 4:
        raise UserError(
            f"{where} is damaged or not an IDX file (magic number "
            f"{256 * kind + dimensions}): get it again."
        )
    shape = np.frombuffer(header, ">u4").tolist()
    check_shape(where, shape)
    dtype = np.dtype(IDX_TYPES[kind])
    size = math.prod(shape) * dtype.itemsize
    content = file.read(size + 1)
    if len(content) != size:
        difference = "shorter" if len(content) < size else "longer"
        raise UserError(f"{where} is {difference} than its header says: get it again.")
    return np.frombuffer(content, dtype).reshape(shape)


def read_npz(where: str, file: Any, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """Read the wanted arrays of an .npz file."""
    try:
        with zipfile.ZipFile(file) as archive:
            arrays = {}
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                if name != member and wanted(name):
                    with archive.open(member) as array:
                        arrays[name] = read_npy(f"{where} ({name})", array)
            return arrays
    except (OSError, UserError):
        raise
    except Exception as error:  # zipfile, zlib and NumPy report damage by a dozen exception types
        raise UserError(f"{where} is damaged or not an .npz file: get it again.") from error


def read_npy(where: str, file: Any) -> np.ndarray:
    """Read an .npy file; its shape and type are checked before its values are read."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran_order, dtype = read_header(file)
    except (ValueError, KeyError) as error:
        raise UserError(f"{where} is damaged: get it again.") from error
    check_shape(where, shape)
    if dtype.kind not in "buif":
        raise UserError(f"{where} holds {dtype}: convert it to numbers.")
    size = math.prod(shape) * dtype.itemsize
    content = file.read(size + 1)  # to its end, where a zip file's checksum is checked
    if len(content) != size:
        raise UserError(f"{where} has another size than its header says: get it again.")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran_order else "C")


def read_csv(where: str, file: Any) -> dict[str, np.ndarray]:
    """Read lines of a label and 784 pixels; a first line with their names may precede them."""
    try:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        first = text.readline(100_000)
        separator = next((each for each in ",;\t " if first.count(each) == SIZE * SIZE), None)
        if separator is None:
            columns = max(map(first.count, ",;\t ")) + 1
            if columns == SIZE * SIZE:  # as in a competition's test.csv
                raise UserError(f"{where} has pixels without labels: name a table with labels.")
            raise UserError(
                f"{where} has {columns} columns, not a label and {SIZE * SIZE} pixels in each line."
            )
        fields = [field.strip(' "\r\n').lower() for field in first.split(separator)]
        has_names = not is_number(fields[0])
        label = next((fields.index(name) for name in ("label", "class") if name in fields), 0)
        line = text.readline(100_000) if has_names else first
        dtype = np.float32 if "." in line else np.int16  # integers are read ten times as fast
        table = np.loadtxt(chain([line], text), dtype, delimiter=separator, quotechar='"', ndmin=2)
    except ValueError as error:
        raise UserError(
            f"{where} does not hold a label and {SIZE * SIZE} numbers in each line ({error})."
        ) from error
    check_shape(where, (len(table), SIZE * SIZE))
    return {"labels": table[:, label], "images": np.delete(table, label, axis=1)}


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_shape(where: str, shape: Sequence[int]) -> None:
    """Refuse an array without items, with more than `LARGEST_COUNT`, or with large items."""
    if not shape or math.prod(shape[1:]) > SIZE * SIZE:
        raise wrong_shape(where, shape)
    if not 0 < shape[0] <= LARGEST_COUNT:
        raise UserError(f"{where} holds {shape[0]:,} items, not 1 to {LARGEST_COUNT:,}.")


def wrong_shape(where: str, shape: Sequence[int], expected: str = "n × 28 × 28") -> UserError:
    """The error for an array whose shape is not the expected one."""
    colour = len(shape) == 4 and 3 in (shape[1], shape[3])
    remedy = ": convert the images to grey" if colour else ""
    return UserError(
        f"{where} has the shape {' × '.join(map(str, shape))}, not {expected}{remedy}."
    )
