"""Imports TensorFlow without its start-up messages, and with one thread per core.

The import takes seconds, so scripts parse their flags before they call `import_tensorflow`.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from tf_lstm.terminal.versions import require_packages


def cores() -> int:
    """The number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: a container may have fewer than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def quiet_libraries(show_if_failed: bool = False) -> Iterator[None]:
    """Hide what native libraries write to file descriptor 2 during the `with` block.

    Args:
        show_if_failed: write it to the terminal after all if the block fails. Ctrl-C is no failure.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            yield
        except Exception:
            if show_if_failed:
                os.dup2(terminal, 2)
                messages.seek(0)
                print(messages.read().decode(errors="replace"), end="", file=sys.stderr, flush=True)
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


@contextmanager
def without_matplotlib() -> Iterator[None]:
    """Let imports of matplotlib fail during the `with` block, unless it is imported already.

    Keras imports it for plots that this project does not use, which takes half a second.
    """
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    imported = modules.setdefault("matplotlib", None)  # None makes an import fail
    try:
        yield
    finally:
        if imported is None:
            del sys.modules["matplotlib"]


def import_tensorflow(device: str | None = None) -> ModuleType:
    """Import TensorFlow quietly and configure it.

    Args:
        device: "cpu" hides all GPUs; None uses them.

    Raises:
        UserError: a package is too old.
    """
    require_packages()
    # At level 2, a machine without a GPU reports "failed call to cuInit" as an error. Real errors
    # also raise an exception. Some messages are written before the level is read.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_libraries(show_if_failed=True), without_matplotlib():
        import tensorflow
    # TensorFlow also warns of checkpoints that cannot be restored; `Checkpoints` reports them.
    tensorflow.get_logger().setLevel("ERROR")
    set_threads(tensorflow)
    if device == "cpu":
        tensorflow.config.set_visible_devices([], "GPU")
    # Optimizing the large graph of an unrolled LSTM takes about 3 seconds at every start; the
    # steps were not measurably faster.
    tensorflow.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    return tensorflow


def set_threads(tensorflow: ModuleType) -> None:
    """Run one operation per core at a time, each in a single thread.

    A training step is split into one shard per core (see `tf_lstm.engines.shards`). Two threads
    that share one small matrix product lose more time in waiting than they gain. Settings made in
    the environment take precedence.
    """
    threading = tensorflow.config.threading
    if "TF_NUM_INTEROP_THREADS" not in os.environ:
        threading.set_inter_op_parallelism_threads(cores())
    if "TF_NUM_INTRAOP_THREADS" not in os.environ:
        threading.set_intra_op_parallelism_threads(1)
