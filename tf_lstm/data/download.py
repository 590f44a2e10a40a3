"""Downloads MNIST into Keras' cache."""

import contextlib
import hashlib
import io
import os
import socket
import sys
import tempfile
import urllib.parse
from pathlib import Path

from tf_lstm.terminal.errors import UserError

# Where to download MNIST: address, location in Keras' cache, and the files with their SHA-256.
# First Keras' own file, which other programs may have cached already; then the original four.
DOWNLOADS = (
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "mnist.npz",
        {"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"},
    ),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "mnist-idx",
        {
            f"mnist-idx/{name}-ubyte.gz": sha256
            for name, sha256 in (
                (
                    "train-images-idx3",
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                ),
                (
                    "train-labels-idx1",
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                ),
                (
                    "t10k-images-idx3",
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                ),
                (
                    "t10k-labels-idx1",
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
            )
        },
    ),
)
TIMEOUT = 10  # seconds without an answer from the server


def find_or_download_mnist() -> Path:
    """Return MNIST's path in Keras' cache, after downloading it if it is not there.

    Raises:
        OSError: no download succeeded.
        UserError: a cached file is damaged.
    """
    cache = Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"), "datasets")
    locations = [
        (address, cache / location, {cache / name: sha256 for name, sha256 in files.items()})
        for address, location, files in DOWNLOADS
    ]
    for _, location, files in locations:
        if all(is_cached(path, sha256) for path, sha256 in files.items()):
            return location
    failures = []
    for address, location, files in locations:
        try:
            for path, sha256 in files.items():
                if not is_cached(path, sha256):
                    download(address + path.name, path, sha256)
            return location
        except OSError as error:
            host = urllib.parse.urlsplit(address).hostname
            failures.append(f"{host}: {getattr(error, 'reason', error)}")
    raise ConnectionError("; ".join(failures))


def is_cached(path: Path, sha256: str) -> bool:
    """Whether the file exists.

    Raises:
        UserError: it has another hash; it may be the user's own, so it is not deleted.
    """
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise UserError(f"{path} is damaged: delete it, and it will be downloaded again.")
    return path.exists()


def download(url: str, path: Path, sha256: str) -> None:
    """Download a file with Keras' `get_file`, and move it to `path` once its hash is verified.

    Raises:
        OSError: the download failed, or the file has another hash.
    """
    from tensorflow.keras.utils import get_file

    path.parent.mkdir(parents=True, exist_ok=True)
    # get_file deletes a file whose hash differs, so it gets a temporary folder. It has no timeout,
    # and its progress bar writes backspaces, which only a terminal interprets.
    previous_timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    progress = sys.stderr if sys.stderr.isatty() else io.StringIO()
    try:
        with (
            tempfile.TemporaryDirectory(dir=path.parent) as folder,
            contextlib.redirect_stdout(progress),
        ):
            get_file(path.name, url, file_hash=sha256, cache_dir=folder, cache_subdir="")
            Path(folder, path.name).replace(path)
    except OSError:
        raise
    except ValueError as error:
        raise ConnectionError(f"{path.name} arrived with a wrong SHA-256") from error
    except Exception as error:  # get_file turns urllib's exceptions into a bare Exception
        raise ConnectionError(str(error).split(" -- ")[-1]) from error
    finally:
        socket.setdefaulttimeout(previous_timeout)
