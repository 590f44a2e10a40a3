"""Downloads MNIST into Keras' cache, where other programs may have put it already."""

import errno
import hashlib
import http.client
import os
import sys
import urllib.request
from pathlib import Path

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.files import failure, replacement

NAME = "mnist.npz"
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"  # Keras' own file
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
TIMEOUT = 10  # seconds without an answer from the server; Keras' `get_file` has none


def find_or_download_mnist() -> Path | bytes:
    """Return MNIST's path in Keras' cache, after downloading it if it is not there.

    If it cannot be cached, a note is printed and the file's content is returned instead.

    Raises:
        OSError: the download failed, or the file arrived with another hash.
        UserError: the cached file cannot be read or has another hash; it may be the user's own and
            is not deleted.
    """
    path = cached(NAME)
    if os.path.exists(path):
        require_undamaged(path)
        return path
    content = download_mnist()
    try:
        save(content, path)
    except OSError as error:
        note = (
            f"{path} cannot be written ({failure(error)}): MNIST was downloaded for this run only."
        )
        print(note, file=sys.stderr)
        return content
    return path


def cached(name: str) -> Path:
    """The path of a file in Keras' cache of data sets."""
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"), "datasets", name)


def require_undamaged(path: Path) -> None:
    """Raise a UserError unless a cached file can be read and has MNIST's hash."""
    try:
        content = path.read_bytes()
    except OSError as error:
        remedy = "set MNIST_DIR to a folder with MNIST's files"
        raise UserError(f"{path} cannot be read ({failure(error)}): {remedy}.") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise UserError(f"{path} is damaged: delete it, and it will be downloaded again.")


def download_mnist() -> bytes:
    """Download the file's content; raises an OSError if it does not arrive with its hash."""
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT) as answer:
            content: bytes = answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"{NAME} did not arrive completely") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ConnectionError(f"{NAME} arrived with a wrong SHA-256")
    return content


def save(content: bytes, path: Path) -> None:
    """Write a file atomically; raises an OSError if it cannot be written."""
    if path.parts[0].startswith("~"):  # `expanduser` leaves it if the user has no home folder
        raise FileNotFoundError(errno.ENOENT, "there is no home folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacement(path) as temporary:
        temporary.write_bytes(content)
