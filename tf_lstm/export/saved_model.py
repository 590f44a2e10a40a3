"""A network as a TensorFlow SavedModel, and as a LiteRT file made from the same functions."""

import contextlib
import errno
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tf_lstm.model import IMAGES, RowClassifier
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import atomic_path, exists, failure
from tf_lstm.terminal.startup import quiet_libraries


class ExportedModel(tf.Module):
    """The functions that are exported; both take uint8 images (batch, 28, 28)."""

    def __init__(self, model: RowClassifier) -> None:
        super().__init__()
        self.model = model

    @tf.function(input_signature=[IMAGES], autograph=False)
    def classify(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """The probabilities (batch, classes) after the last row, and the predicted class."""
        probabilities = tf.nn.softmax(self.model.image_logits(images))
        return {"probabilities": probabilities, "class": tf.argmax(probabilities, axis=1)}

    @tf.function(input_signature=[IMAGES], autograph=False)
    def row_predictions(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """The probabilities (batch, time steps, classes) after every row."""
        return {"probabilities": tf.nn.softmax(self.model.row_logits(images))}


def save_saved_model(model: RowClassifier, path: Path) -> None:
    """Write a SavedModel with the signatures `classify` and `row_predictions`.

    Raises:
        UserError: it cannot be written, or exists already.
    """
    if exists(path):  # renaming cannot replace a folder
        raise UserError(f"{path} exists already: delete it, or choose another path.")
    exported = ExportedModel(model)
    signatures = {"classify": exported.classify, "row_predictions": exported.row_predictions}
    with atomic_path(path, (".savedmodel",)) as temporary, tensorflow_errors():
        tf.saved_model.save(exported, temporary, signatures)


def save_litert(model: RowClassifier, path: Path) -> None:
    """Write a LiteRT (TensorFlow Lite) file with the signature `row_predictions`.

    A network that is not causal gets the signature `classify` instead: for row predictions it reads
    every prefix of the rows separately, which takes minutes to convert.

    Raises:
        UserError: it cannot be written, or LiteRT's converter refuses the network.
    """
    # The converter omits variables that a nested function reads, and the exported network would
    # predict nan. So the variables are converted to constants first.
    exported = ExportedModel(model)
    is_causal = model.causal
    name = "row_predictions" if is_causal else "classify"
    with quiet_libraries(show_if_failed=True):  # TensorFlow 2.18 to 2.20 count the GPUs here
        frozen = convert_variables_to_constants_v2(getattr(exported, name).get_concrete_function())

    @tf.function(input_signature=[IMAGES], autograph=False)
    def probabilities(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": frozen(images)[-1]}  # the last in alphabetical order

    with atomic_path(path, (".tflite",)) as temporary, tensorflow_errors():
        # Not beside the output: TensorFlow cannot load from a path with characters like [ or *.
        with tempfile.TemporaryDirectory() as folder, quiet_libraries():
            tf.saved_model.save(tf.Module(), folder, {name: probabilities})
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            try:
                content = converter.convert()
            except (OSError, MemoryError):
                raise
            except Exception as error:  # the type of the converter's errors is not public
                raise UserError(
                    f"LiteRT's converter refuses this network ({converter_reason(error)}): choose "
                    "another run, or another format."
                ) from error
            temporary.write_bytes(content)


def converter_reason(error: Exception) -> str:
    """The start of the converter's message, without the place in the graph before it."""
    first_line = str(error).partition("\n")[0].rpartition("): ")[2] or type(error).__name__
    return textwrap.shorten(first_line, 200, placeholder="…")


@contextlib.contextmanager
def tensorflow_errors() -> Iterator[None]:
    """Turn TensorFlow's errors in a `with` block, such as a full disk, into an `OSError`."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(errno.EIO, failure(error)) from error
