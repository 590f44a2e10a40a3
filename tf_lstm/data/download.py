"""Downloads MNIST into Keras' cache, where other programs may have put it already."""

import hashlib
import http.client
import os
import tempfile
import urllib.request
from pathlib import Path

from tf_lstm.terminal.errors import UserError

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"  # Keras' own file
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
TIMEOUT = 10  # seconds without an answer from the server; Keras' `get_file` has none


def find_or_download_mnist() -> Path:
    """Return MNIST's path in Keras' cache, after downloading it if it is not there.

    Raises:
        OSError: the download failed, or the file arrived with another hash.
        UserError: the cached file has another hash; it may be the user's own and is not deleted.
    """
    folder = Path(os.environ.get("KERAS_HOME") or "~/.keras", "datasets").expanduser()
    path = folder / "mnist.npz"
    if path.exists():
        if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
            raise UserError(f"{path} is damaged: delete it, and it will be downloaded again.")
        return path
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT) as answer:
            content = answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"{path.name} did not arrive completely") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ConnectionError(f"{path.name} arrived with a wrong SHA-256")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        Path(temporary, path.name).write_bytes(content)
        Path(temporary, path.name).replace(path)
    return path
