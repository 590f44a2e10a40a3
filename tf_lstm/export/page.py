"""A network as a web page: one HTML file to draw in, with the weights inside."""

import base64
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_lstm.model import RowClassifier
from tf_lstm.rows import IMAGE_SIZE, images_to_rows
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import atomic_path, join_choices

BUILT_IN_CELLS = ("lstm", "gru", "rnn")  # those of page.js
TEMPLATE, SCRIPT = (Path(__file__).with_name(name) for name in ("page.html", "page.js"))


def save_page(model: RowClassifier, path: Path, title: str, class_names: Sequence[str]) -> None:
    """Write a page that needs no other file; `title` names the network's run and its data.

    Raises:
        UserError: the page does not have the network's cell, or a layer reads in both directions,
            so there is no prediction after each row.
    """
    if model.recipe.cell not in BUILT_IN_CELLS:
        raise UserError(
            f"{title} has the cell '{model.recipe.cell}', and the page has only "
            f"{join_choices(BUILT_IN_CELLS)}: choose another format."
        )
    if not model.causal:
        raise UserError(
            f"{title} reads images in both directions, which the page does not support: choose "
            "another run, or another format."
        )
    content = {
        "title": title,
        "classNames": list(class_names),
        "lossRows": model.recipe.loss_rows,
        "pixelOffset": model.recipe.pixel_offset,
        "cell": model.recipe.cell,
        "layers": model.recipe.layers,
        "units": model.recipe.units,
        "variables": {  # float32, in base64
            name: base64.b64encode(array.astype("<f4").tobytes()).decode("ascii")
            for name, array in variables_of_pixels(model).items()
        },
    }
    # So that no text can end the script element, as "</script" and "<!--" can.
    text = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")
    page = TEMPLATE.read_text("utf-8").replace("{{script}}", SCRIPT.read_text("utf-8"))
    with atomic_path(path, (".html",)) as temporary:
        temporary.write_text(page.replace("{{network}}", text), encoding="utf-8")


def variables_of_pixels(model: RowClassifier) -> dict[str, np.ndarray]:
    """The variables by name, without the weights of blank columns, whose inputs are always zero."""
    arrays = {name: variable.numpy() for name, variable in model.variables_by_name.items()}
    without_offset = dataclasses.replace(model.recipe, pixel_offset=0.0)
    white = np.full((1, IMAGE_SIZE, IMAGE_SIZE), 255, np.uint8)
    is_pixel = images_to_rows(white, without_offset)[0, 0].numpy() > 0  # (features,)
    first = next(iter(arrays))  # weights['in'], or the kernel of the first layer
    return arrays | {first: arrays[first][is_pixel]}
