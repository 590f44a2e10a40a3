"""Reads a data set like MNIST from the files that people have.

Two rules replace a list of formats. What a file holds is recognized by its content (`formats`), and
which of the four parts it is by the words in its name: "train", "t10k" or "test", and "images" or
"labels", or words like these. The other words of its name (as in "emnist-letters-train-images")
name the data set.
"""

import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from tf_lstm.data.class_names import MOST_CLASSES
from tf_lstm.data.formats import (
    PICTURES,
    SIZE,
    ZIP,
    Entry,
    read_arrays,
    refuse_foreign,
    wrong_shape,
)
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import exists

DEPTH = 3  # folders below the one that is named

SPLITS = {
    "train": "train", "training": "train",
    "t10k": "test", "test": "test", "testing": "test",
    "val": "validation", "valid": "validation", "validation": "validation",
}  # fmt: skip
KINDS = {
    "images": "images", "image": "images", "imgs": "images", "x": "images",
    "labels": "labels", "label": "labels", "y": "labels", "targets": "labels",
}  # fmt: skip
FORMAT_WORD = re.compile(r"idx\d|ubyte|int|gz|npz|npy|csv|zip|tar|tgz")
TABLES = (".csv", ".csv.gz", ".npz")  # hold images and labels in one file
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")

# The four arrays: their split and kind, name in Keras' .npz file, name of MNIST's IDX file.
ARRAYS = (
    (("train", "images"), "x_train", "train-images-idx3-ubyte"),
    (("train", "labels"), "y_train", "train-labels-idx1-ubyte"),
    (("test", "images"), "x_test", "t10k-images-idx3-ubyte"),
    (("test", "labels"), "y_test", "t10k-labels-idx1-ubyte"),
)
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class Part(NamedTuple):
    """What the words of a name say about a file or an array."""

    split: str | None  # "train", "test" or "validation"
    kind: str | None  # "images" or "labels"
    data_set: str  # the other words, joined by "-"


@dataclass(frozen=True)
class Data:
    """The arrays of a data set, and what was found on the way."""

    arrays: Arrays  # training images and labels, then test images and labels
    validation: int = 0  # the last training images that the files hold out for validation
    notes: tuple[str, ...] = ()  # one sentence for each thing that was changed
    names: Mapping[int, str] = field(
        default_factory=dict
    )  # of the classes, by label, if EMNIST's file with them is there


def part_of(name: str) -> Part:
    """What a file's or an array's name says."""
    words = re.findall(r"[a-z0-9]+", re.sub(r" ?\(\d+\)", "", name.lower()))  # as in "name (1).gz"
    splits = [word for word in words if word in SPLITS]
    kinds = [word for word in words if word in KINDS]
    others = [w for w in words if w not in splits + kinds and not FORMAT_WORD.fullmatch(w)]
    return Part(
        SPLITS[splits[0]] if splits else None,
        KINDS[kinds[0]] if kinds else None,
        "-".join(others),
    )


def read_data(path: Path, content: bytes | None = None) -> Data:
    """Read the training images and labels, and the test images and labels.

    Args:
        path: a folder or archive with the files of one data set, one of these files, or a file
            that holds everything. If there are several data sets, the name of one follows the path
            of the folder, as in FOLDER/emnist-letters.
        content: the file's content, if it is in memory only; then nothing is read.

    Returns:
        Images are (n, 28, 28) uint8, labels (n,) int32 from 0.

    Raises:
        UserError: a file is missing, damaged, or has other content.
    """
    try:
        if content is not None:
            raw: Any = io.BytesIO(content)
            entry = Entry(str(path), PurePosixPath(path.name), partial(io.BufferedReader, raw))
            return assemble(path, [entry], [])
        root = find_root(path)
        chosen = path.relative_to(root).as_posix() if root != path else ""
        entries = list_entries(root, DEPTH if root == path else 0)
        if not chosen and root.is_file() and len(entries) == 1:
            return read_file(root, entries[0])
        return assemble(path, choose_files(path, root, chosen, entries), entries)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{error.filename or path} cannot be read ({reason}).") from error


def find_root(path: Path) -> Path:
    """The folder or file that a path names, or in which it names one of several data sets.

    Raises:
        UserError: there is none.
    """
    if exists(path):
        if path.is_dir() or path.is_file():
            return path
        raise UserError(f"{path} is neither a folder nor a file: name one with the data.")
    for root in path.parents:
        if root.is_file() or (root == path.parent and root.is_dir()):
            return root
    raise does_not_exist(path)


def does_not_exist(path: Path) -> UserError:
    """The error for a path at which nothing is."""
    return UserError(f"{path} does not exist: name a folder or file with the data.")


def list_entries(root: Path, depth: int) -> list[Entry]:
    """The files in a folder and in those below it, in an archive, or the file itself."""
    if root.is_dir():
        return [*entries_of_folder(root, depth)]
    return entries_of_archive(root) or [entry_of(root, root.parent)]


def entry_of(path: Path, root: Path) -> Entry:
    """The entry of a file below the folder `root`."""
    return Entry(
        str(path), PurePosixPath(path.relative_to(root).as_posix()), partial(open, path, "rb")
    )


def entries_of_folder(root: Path, most: int) -> Iterator[Entry]:
    """The files in a folder and in the folders below it, `most` deep, without hidden ones."""
    os.listdir(root)  # raises what `os.walk` would hide
    for folder, folders, files in os.walk(root, followlinks=True):
        depth = len(Path(folder).relative_to(root).parts)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and depth < most)
        for file in sorted(files):
            path = Path(folder, file)
            if not file.startswith(".") and os.path.isfile(path):  # a pipe would never end
                yield entry_of(path, root)


def entries_of_archive(path: Path) -> list[Entry]:
    """The files in a .zip or .tar.gz archive, which is not unpacked; none if it is another file."""

    def entry(name: str, open_member: Callable[[], Any]) -> Entry:
        return Entry(f"{path}/{name}", PurePosixPath(name), open_member)

    try:
        with open(path, "rb") as file:
            is_zip = file.read(4) == ZIP
        if is_zip:
            archive = zipfile.ZipFile(path)
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            if any(name.endswith("data.pkl") for name in names):
                refuse_foreign(str(path), b"\x80")  # a file of torch.save
            if any(name.endswith(".npy") for name in names):
                return []
            # A zip file's members have `peek` already.
            return [entry(name, partial(archive.open, name)) for name in names]
        if tarfile.is_tarfile(path):
            tar = tarfile.open(path)
            members = [member for member in tar.getmembers() if member.isfile()]
            return [entry(each.name, partial(tar.extractfile, each)) for each in members]
    except (OSError, UserError):
        raise
    except Exception as error:  # zipfile, tarfile and zlib report damage by many exception types
        raise UserError(f"{path} is damaged or not an archive: get it again.") from error
    return []


def group(entries: list[Entry]) -> dict[str, list[Entry]]:
    """The files of each data set, by folder and name, such as "EMNIST/raw/emnist-letters"."""
    groups: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (len(entry.path.parts), entry.path)):
        part, folder = part_of(entry.path.name), entry.path.parent
        if any(each.startswith((".", "__MACOSX")) for each in entry.path.parts):
            continue  # a Mac's archives hold such a file beside every other one
        if part.split and (part.kind or entry.path.name.lower().endswith(TABLES)):
            if part_of(folder.name)[:2] == part[:2]:  # a folder that is named like its only file
                folder = folder.parent
            groups.setdefault(str(folder / part.data_set), []).append(entry)
    return groups


def missing_parts(entries: list[Entry]) -> list[tuple[str, str]]:
    """Which of the four parts are not among these files, by their names."""
    parts = {part_of(entry.path.name)[:2] for entry in entries}
    return [part for part, *_ in ARRAYS if not {part, (part[0], None)} & parts]


def choose_files(path: Path, root: Path, chosen: str, entries: list[Entry]) -> list[Entry]:
    """The files of the one data set at `path`; `chosen` is its part after the existing `root`."""
    groups = group(entries)
    if chosen:
        groups = {
            name: files
            for name, files in groups.items()
            if chosen.lower() in (name.lower(), PurePosixPath(name).name.lower())
        }
        if not groups:
            raise does_not_exist(path)
    complete = {name: files for name, files in groups.items() if not missing_parts(files)}
    if "." in complete:  # MNIST's own names, in the folder itself
        return complete["."]
    direct = {name: files for name, files in complete.items() if "/" not in name}
    complete = direct or complete
    if not groups:  # files that hold everything
        complete = {e.path.as_posix(): [e] for e in entries if e.path.suffix.lower() == ".npz"}
    if len(complete) > 1:
        options = [*complete]
        names = ", ".join(options[:8]) + (", ..." if len(options) > 8 else "")
        raise UserError(
            f"{path} holds several data sets ({names}): name one, such as {root / options[0]}."
        )
    if complete:
        return next(iter(complete.values()))
    if not groups:
        refuse_others(path, entries)
    files = min(groups.values(), key=lambda files: len(missing_parts(files)), default=[])
    raise lacks(path, missing_parts(files)[0])


def refuse_others(path: Path, entries: list[Entry]) -> None:
    """Raise a UserError that says what there is instead of a data set, if that is known."""
    pictures = 0
    for entry in entries[:20]:
        if entry.path.name.lower().endswith(ARCHIVES):
            raise UserError(f"{path} holds an archive: name it, as in {entry.where}.")
        with entry.open() as file:
            start = file.read(32)
        if start.startswith(PICTURES):
            pictures += 1
        elif start:
            refuse_foreign(entry.where, start)
    if 2 * pictures > len(entries[:20]):
        raise UserError(
            f"{path} holds pictures, such as {entries[0].path}: convert them with the lines of "
            "Python in scripts/README.md, under Data."
        )


def lacks(path: Path, part: tuple[str, str]) -> UserError:
    """The error for data without one of the four parts."""
    array, idx = next(names for each, *names in ARRAYS if each == part)
    split = "training" if part[0] == "train" else "test"
    return UserError(
        f"{path} lacks the {split} {part[1]}: add the file {idx} (or .gz), or the array {array} of "
        "an .npz file."
    )


def read_file(path: Path, entry: Entry) -> Data:
    """Read a file that holds everything, or the data set to which it belongs."""
    if part_of(path.name).split:
        beside = [entry_of(each, path.parent) for each in path.parent.iterdir() if each.is_file()]
        for files in group(beside).values():
            if entry.where in (each.where for each in files) and not missing_parts(files):
                return assemble(path, files, beside)
    return assemble(path, [entry], [])


def assemble(path: Path, files: list[Entry], others: list[Entry]) -> Data:
    """Read the files of one data set, which the user named with `path`.

    Args:
        path: for messages.
        files: the images and labels; of two files with one part, the first is read.
        others: files beside them, among which there may be the names of the classes.
    """
    notes: list[str] = []
    arrays = {
        part: to_images(where, array, notes) if part[1] == "images" else to_labels(where, array)
        for part, (where, array) in read_parts(files).items()
    }
    for part, *_ in ARRAYS:
        if part not in arrays:
            raise lacks(path, part)
    for split, name in (("train", "training"), ("test", "test"), ("validation", "validation")):
        images, labels = (len(arrays.get((split, kind), ())) for kind in ("images", "labels"))
        if images != labels:
            raise UserError(
                f"{path} is inconsistent: it has {images} {name} images but {labels} {name} labels."
            )
    validation = len(arrays.get(("validation", "labels"), ()))
    for kind in ("images", "labels") if validation else ():
        both = arrays["train", kind], arrays["validation", kind]
        arrays["train", kind] = np.concatenate(both)

    first = files[0].path
    data_set = part_of(first.name).data_set
    if data_set.startswith("emnist") and first.suffix != ".npz":
        notes.append("EMNIST's files hold transposed images: they are turned upright.")
        for split in ("train", "test"):
            arrays[split, "images"] = arrays[split, "images"].transpose(0, 2, 1).copy()
    mapping = [e for e in others if e.path == first.with_name(f"{data_set}-mapping.txt")]
    return Data(
        tuple(arrays[part] for part, *_ in ARRAYS),  # type: ignore[arg-type]
        validation,
        tuple(dict.fromkeys(notes)),
        read_mapping(mapping[0]) if mapping else {},
    )


def read_parts(files: list[Entry]) -> dict[tuple[str, str], tuple[str, np.ndarray]]:
    """The arrays in these files, each with its place for messages, by split and kind."""
    parts: dict[tuple[str, str], tuple[str, np.ndarray]] = {}
    for entry in files:
        of_file = part_of(entry.path.name)

        def resolve(name: str, of_file: Part = of_file) -> tuple[str, str]:
            own = part_of(name)  # what it does not say, the file's name does
            return own.split or of_file.split or "", own.kind or of_file.kind or ""

        if resolve("") in parts:
            continue
        found = read_arrays(entry, lambda name: all(resolve(name)) and resolve(name) not in parts)
        for name, array in found.items():
            where = f"{entry.where} ({name})" if name else entry.where
            parts.setdefault(resolve(name), (where, array))
    return parts


def read_mapping(entry: Entry) -> dict[int, str]:
    """The names of EMNIST's classes by label, from lines of a label and the character's code."""
    with entry.open() as file:
        text = file.read(10_000).decode("ascii", "replace")
    try:
        rows = [[int(word) for word in line.split()] for line in text.splitlines() if line.strip()]
        return {label: chr(code) for label, code, *_ in rows}
    except ValueError as error:
        raise UserError(
            f"{entry.where} does not hold a label and a character's code in each line: correct or "
            "delete it."
        ) from error


def to_images(where: str, array: np.ndarray, notes: list[str]) -> np.ndarray:
    """Images (n, 28, 28) uint8, from pixels of any type in 0 to 255 or in 0 to 1."""
    if array.shape[1:] not in ((SIZE, SIZE), (SIZE, SIZE, 1), (1, SIZE, SIZE), (SIZE * SIZE,)):
        raise wrong_shape(where, array.shape)
    array = array.reshape(-1, SIZE, SIZE)
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 255):  # also for nan
        raise UserError(f"{where} has pixels from {low} to {high}, not 0 to 255 or 0 to 1.")
    if array.any() and high <= 1:
        notes.append("The pixels are from 0 to 1: they are multiplied by 255.")
        array = np.rint(array * np.float32(255))
    if (rounded := array.astype(np.uint8)) is not array and (rounded != array).any():
        raise UserError(f"{where} has pixels that are fractions, not 0 to 255 or 0 to 1.")
    return rounded


def to_labels(where: str, array: np.ndarray) -> np.ndarray:
    """Labels (n,) int32, from one column of numbers or from one-hot rows."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype == ">i4" and array.shape[1] == 8:
        array = array[:, 0]  # QMNIST's: the others are the writer and so on
    if array.ndim == 2:
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise wrong_shape(where, array.shape, "n, and the rows are not one-hot")
        array = array.argmax(axis=1)
    if array.ndim != 1:
        raise wrong_shape(where, array.shape, "n")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= MOST_CLASSES):
        raise UserError(
            f"{where} has labels from {low} to {high}: use 0 to {MOST_CLASSES - 1} at most."
        )
    labels = array.astype(np.int32)
    if (labels != array).any():
        raise UserError(f"{where} has labels that are fractions: use whole numbers.")
    return labels
