"""Start TensorFlow: without its start-up noise, and with one thread for each core.

Importing TensorFlow takes seconds, so scripts parse their flags first and come here afterwards.
"""

import os
import sys
import tempfile


def cores():
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: a container may have fewer than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def import_tensorflow(device=None):
    """Import TensorFlow quietly and return it; errors still reach the terminal.

    It uses a GPU where there is one, unless `device` is "cpu".

    The native libraries write to file descriptor 2 before any setting of theirs is read. It is
    put aside during the import, and what was written is shown if the import fails.
    """
    # At 2 a machine without a GPU is told of "failed call to cuInit" as if that were an error.
    # What does go wrong raises an exception as well, and that is shown.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            import tensorflow
        except BaseException:
            noise.seek(0)
            os.write(terminal, noise.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
    # A checkpoint that cannot be restored is reported in our own words.
    tensorflow.get_logger().setLevel("ERROR")
    set_threads(tensorflow)
    if device == "cpu":
        tensorflow.config.set_visible_devices([], "GPU")
    # The graph of an unrolled LSTM is large but plain: rewriting it takes about 3 seconds at the
    # start of every program, and no gain in the steps could be told from the machine's noise.
    tensorflow.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    return tensorflow


def set_threads(tensorflow):
    """Run as many operations at once as there are cores, each in one thread.

    A training step is cut into one shard for each core (see `trainer`), and two threads that
    share one small matrix product lose more time waiting for each other than they save. Settings
    made in the environment are left alone.
    """
    threading = tensorflow.config.threading
    if "TF_NUM_INTEROP_THREADS" not in os.environ:
        threading.set_inter_op_parallelism_threads(cores())
    if "TF_NUM_INTRAOP_THREADS" not in os.environ:
        threading.set_intra_op_parallelism_threads(1)
