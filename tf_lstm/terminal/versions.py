"""Refuses packages that are too old, in one sentence instead of a traceback."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tf_lstm.terminal.errors import UserError

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"


def require_packages() -> None:
    """Raise a UserError if a package is older than requirements.txt allows."""
    # A copy of the code need not have the file.
    text = REQUIREMENTS.read_text("utf-8") if REQUIREMENTS.exists() else ""
    for name, oldest in re.findall(r"^(\w+)>=([\d.]+)", text, re.M):
        require_package(name, oldest, "run `pip install -r requirements.txt`")


def require_package(name: str, oldest: str, remedy: str, purpose: str = "this project") -> None:
    """Raise a UserError if an installed package is too old; importing reports a missing one."""
    try:
        installed = version(name)
    except PackageNotFoundError:  # or it has another name, such as tensorflow-cpu
        return
    if numbers(installed) < numbers(oldest):
        raise UserError(
            f"{name} {installed} is too old for {purpose}, which needs {oldest}: {remedy}."
        )


def numbers(text: str) -> tuple[int, ...]:
    """The first numbers of a version, such as (2, 16, 2) for "2.16.2" and "2.16.2rc0"."""
    return tuple(map(int, re.findall(r"\d+", text)[:3]))
