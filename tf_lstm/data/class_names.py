"""The names of the classes: the digits, or the lines of a file classes.txt beside the data."""

from collections.abc import Sequence
from pathlib import Path

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import exists

DIGITS = tuple("0123456789")
LONGEST = 20  # characters


def read_class_names(data: Path) -> tuple[str, ...]:
    """The ten names in classes.txt beside the data, or the digits if there is no such file.

    Args:
        data: the folder, or the .npz file.

    Raises:
        UserError: the file is not text in UTF-8, or does not have one valid name on each of ten
            lines.
    """
    path = (data if data.is_dir() else data.parent) / "classes.txt"
    if not exists(path):
        return DIGITS
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UserError(f"{path} cannot be read ({reason}): correct or delete it.") from error
    names = tuple(line.strip() for line in lines)
    if len(set(names)) != len(names) or len(names) != len(DIGITS) or not all(map(is_name, names)):
        raise UserError(
            f"{path} must hold {len(DIGITS)} names, one on each line, all different and of up to "
            f"{LONGEST} characters: correct or delete it."
        )
    return names


def is_name(text: str) -> bool:
    """Whether a text can label an axis; matplotlib renders text between $ signs as a formula."""
    return 0 < len(text) <= LONGEST and text.isprintable() and "$" not in text


def class_noun(class_names: Sequence[str]) -> str:
    """The word for a class in axis labels and titles."""
    return "digit" if tuple(class_names) == DIGITS else "class"
