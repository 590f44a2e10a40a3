"""The fields of a dataclass, checked against its annotations.

A field is annotated with a type, a `Literal` of the allowed values, `Annotated[type, low, high]`
for a number within bounds, or `Annotated[str, names]` for a name in a table that may grow; each may
be `| None`.
"""

import difflib
import math
from collections.abc import Collection
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

Count = Annotated[int, 1, 1_000_000]
Share = Annotated[float, 0.0, 0.99]


def check_fields(settings: Any) -> None:
    """Check every field of a dataclass object against its annotation.

    Raises:
        ValueError: a field has a value that its annotation does not allow; the message names it.
    """
    for name, annotation in get_type_hints(type(settings), include_extras=True).items():
        value = getattr(settings, name)
        if not any(_fits(value, option) for option in _options(annotation)):
            raise ValueError(f"{name} is {value!r}, not {describe_values(annotation)}")


def parse_field(settings: type, text: str, names: Collection[str] | None = None) -> tuple[str, Any]:
    """The name and the value of a text such as "units=32" or "global_clipnorm=none".

    Args:
        settings: the dataclass.
        text: NAME=VALUE.
        names: the fields that may be set; None for all.

    Raises:
        ValueError: there is no such field, or the value does not fit it.
    """
    name, equals, value = text.partition("=")
    hints = get_type_hints(settings, include_extras=True)
    if not equals or name not in (names or hints):
        similar = difflib.get_close_matches(name, names or hints, 1)
        question = f"; did you mean {similar[0]}?" if similar else ""
        raise ValueError(
            f"{text!r} is not NAME=VALUE; NAME is one of {', '.join(names or hints)}{question}"
        )
    for parse in (int, float, {"true": True, "false": False, "none": None}.__getitem__, str):
        try:
            parsed = parse(value)
        except (ValueError, KeyError):
            continue
        for option in _options(hints[name]):
            if _fits(parsed, option):
                return name, parsed
    raise ValueError(f"{name} is {value!r}, not {describe_values(hints[name])}")


def describe_values(annotation: Any) -> str:
    """The values that an annotation allows, in words."""
    words = []
    for option in _options(annotation):
        if get_origin(option) is Literal:
            words += [repr(value) for value in get_args(option)]
        elif names := _names(option):
            words += [repr(name) for name in names]
        elif get_origin(option) is Annotated:
            kind, low, high = get_args(option)
            number = "a whole number" if kind is int else "a number"
            words.append(f"{number} from {low:,} to {high:,}")
        else:
            kinds = {bool: "true or false", int: "a whole number", float: "a number"}
            words.append((kinds | {NoneType: "none", str: "text"}).get(option, option.__name__))
    return " or ".join(words)


def _options(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; of any other annotation, itself, or its class without parameters."""
    origin = get_origin(annotation)
    if origin in (Annotated, Literal) or origin is None:
        return (annotation,)
    return get_args(annotation) if origin in (Union, UnionType) else (origin,)


def _names(option: Any) -> Collection[str]:
    """The names that `Annotated[str, names]` allows; of any other annotation, none."""
    is_name = get_origin(option) is Annotated and get_args(option)[0] is str
    return get_args(option)[1] if is_name else ()


def _fits(value: Any, option: Any) -> bool:
    if get_origin(option) is Literal:
        return value in get_args(option)
    if names := _names(option):
        return value in names
    low, high = -math.inf, math.inf
    if get_origin(option) is Annotated:
        option, low, high = get_args(option)
    if option is float and type(value) is int:
        value = float(value)
    if option in (int, float):  # True and False are not numbers here
        return type(value) is option and low <= value <= high
    return isinstance(value, option)
