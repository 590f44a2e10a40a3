"""The names of the classes: numbers, EMNIST's characters, or the lines of a file classes.txt."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import exists

DIGITS = tuple("0123456789")
LONGEST = 20  # characters
MOST_CLASSES = 62  # the digits, capital and small letters of EMNIST
FILE = "classes.txt"


def read_class_names(data: Path) -> tuple[str, ...]:
    """The names in classes.txt beside the data; none if there is no such file.

    Args:
        data: the folder, or the file.

    Raises:
        UserError: the file is not text in UTF-8, or does not have one valid name on each line.
    """
    path = names_file(data)
    if not exists(path):
        return ()
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UserError(f"{path} cannot be read ({reason}): correct or delete it.") from error
    names = tuple(line.strip() for line in lines)
    if not names or not are_names(names):
        raise UserError(
            f"{path} must hold one name on each line, all different and of up to {LONGEST} "
            "characters: correct or delete it."
        )
    return names


def names_file(data: Path) -> Path:
    """Where the names of the classes of a folder or file may be."""
    return (data if data.is_dir() else data.parent) / FILE


def name_classes(
    data: Path, lowest: int, highest: int, mapping: Mapping[int, str]
) -> tuple[tuple[str, ...], int]:
    """The names of the classes, and the label of the first one: 0 or 1.

    Args:
        data: the folder, or the file, beside which a classes.txt is read.
        lowest, highest: of the labels of all images.
        mapping: the data set's own names by label, used without a classes.txt.

    Raises:
        UserError: there are too many or too few classes, or classes.txt has too few names.
    """
    names = read_class_names(data)
    first = 1 if lowest == 1 and len(names) <= highest else 0
    count = max(highest + 1 - first, len(names))
    if not 2 <= count <= MOST_CLASSES:
        raise UserError(
            f"{data} has {count} classes (labels from {lowest} to {highest}): use 2 to "
            f"{MOST_CLASSES} classes."
        )
    if not names:
        numbers = [str(first + label) for label in range(count)]
        own = tuple(mapping.get(int(number), number) for number in numbers)
        return (own if are_names(own) else tuple(numbers)), first
    if len(names) < count:
        raise UserError(
            f"{names_file(data)} must hold {count} names, one "
            f"for each class, not {len(names)}: correct or delete it."
        )
    return names, first


def are_names(names: Sequence[str]) -> bool:
    """Whether all are valid, and no two are equal."""
    return len(set(names)) == len(names) and all(map(is_name, names))


def is_name(text: str) -> bool:
    """Whether a text can label an axis; matplotlib renders text between $ signs as a formula."""
    return 0 < len(text) <= LONGEST and text.isprintable() and "$" not in text


def class_noun(class_names: Sequence[str]) -> str:
    """The word for a class in axis labels and titles."""
    return "digit" if tuple(class_names) == DIGITS else "class"
