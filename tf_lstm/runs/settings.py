"""Everything that was decided for a run, as one object that settings.json holds.

This module needs no TensorFlow, so a run can be looked at before it is imported.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from tf_lstm.engines.cluster import STRATEGIES
from tf_lstm.engines.names import EngineName, usable_engine
from tf_lstm.field_checks import check_fields
from tf_lstm.settings import Precision, Recipe

Device = Literal["cpu"]
OLD_LOSS_ROWS = {"every": "all_and_last", "mean": "all"}  # the names in older runs


@dataclass(frozen=True)
class RunData:
    """The data of a run; see `data.dataset.Dataset`."""

    name: str
    source: str
    checksum: str
    train: int  # images
    validation: int
    test: int
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class RunSettings:
    """Everything that was decided for a run before its first step.

    Raises:
        ValueError: a setting has an invalid value, or the engine does not fit the others.
    """

    recipe: Recipe
    data: RunData
    seed: Annotated[int, 0, 2**32 - 1] = 0  # determines everything random
    engine: EngineName = "cell"
    precision: Precision = "float32"
    shards: Annotated[int, 1, 1024] = 1  # of each replica's part of a batch
    strategy: Annotated[str, STRATEGIES] = "none"
    replicas: Annotated[int, 1, 1024] = 1
    device: Device | None = None  # "cpu": a GPU was left unused
    initial_weights: str | None = None  # the run's folder or the archive that it started from
    versions: dict[str, str] = field(default_factory=dict)  # of the packages and of this code

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "engine", usable_engine(self.engine, self.recipe, self.precision))

    def to_json(self) -> str:
        """The text of settings.json, which ends with a checksum of the rest."""
        content = asdict(self)
        return json.dumps(content | {"checksum": _checksum(content)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RunSettings":
        """The settings that `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: the text is something else, or was changed.
        """
        content = json.loads(text)
        if content.pop("checksum", None) != _checksum(content):
            raise ValueError("its checksum is missing or wrong")
        recipe, data = content.pop("recipe"), content.pop("data")
        recipe["loss_rows"] = OLD_LOSS_ROWS.get(recipe["loss_rows"], recipe["loss_rows"])
        data["class_names"] = tuple(data["class_names"])
        # A setting that is newer than the run has its default.
        return cls(recipe=Recipe(**recipe), data=RunData(**data), **content)


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
