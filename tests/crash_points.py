"""Stops programs at one of their file operations, with the library `crash_points.c`.

Importing TensorFlow and tracing a training step take many times as long as the training of the
tests. So this module is also a server, in two ways: "fork" imports TensorFlow once and forks a
process for each program, which may be killed; "reuse" runs all programs in one process, where all
trainings use the same traced functions. Both run the scripts as they are.
"""

import contextlib
import ctypes
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

SOURCE = Path(__file__).with_name("crash_points.c")
REPOSITORY = SOURCE.parents[1]


class Programs:
    """Runs scripts whose operations on some files are counted; needs gcc and Linux.

    Args:
        folder: for the compiled library and the log.
        watched: what the paths of these files start with.
    """

    def __init__(self, folder, watched):
        self.watched, self.log = watched, folder / "log"
        library = folder / "crash_points.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        self.servers = [
            subprocess.Popen(
                [sys.executable, __file__, way],
                env=os.environ | {"LD_PRELOAD": str(library)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for way in ("fork", "reuse")
        ]

    def run(self, script, *flags, at=0, error=0):
        """Run a script.

        Args:
            script, flags: its name or path, and its flags.
            at: the number of the operation to stop at, from 1; 0 for none.
            error: the error number it fails with; 0 kills the process instead.

        Returns:
            The exit status, negative for a signal, and standard error.
        """
        self.log.unlink(missing_ok=True)
        variables = {"FOLDER": self.watched, "LOG": self.log, "AT": at, "ERRNO": error}
        request = {
            "command": [str(REPOSITORY / "scripts" / script), *map(str, flags)],
            "environment": {f"CRASH_{name}": str(value) for name, value in variables.items()},
        }
        server = self.servers[0 if at and not error else 1]
        print(json.dumps(request), file=server.stdin, flush=True)
        server.stdout.readline()  # the number of the process
        return json.loads(server.stdout.readline())

    @contextlib.contextmanager
    def running(self, script, *flags):
        """Start a script in a process, yield its number, and end it with the `with` block."""
        request = {"command": [str(REPOSITORY / "scripts" / script), *map(str, flags)]}
        server = self.servers[0]
        print(json.dumps(request | {"environment": {}}), file=server.stdin, flush=True)
        process = json.loads(server.stdout.readline())
        try:
            yield process
        finally:
            os.kill(process, signal.SIGKILL)
            status, _ = json.loads(server.stdout.readline())
            assert status == -signal.SIGKILL

    def operations(self):
        """The operations of the last program that was run, as "name path"."""
        return self.log.read_text().splitlines()

    def close(self):
        for server in self.servers:
            server.stdin.close()
            server.wait()


def serve(way):
    """Run a program for each request that is read from standard input."""
    sys.path.insert(0, str(REPOSITORY))
    from tf_lstm.terminal.startup import import_tensorflow

    import_tensorflow()
    import keras  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import write_outputs  # noqa: F401

    import tf_lstm.runs.training  # noqa: F401

    if way == "reuse":
        reuse_traced_functions()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as errors:
            os.dup2(errors.fileno(), 2)
            process = 0 if way == "reuse" else os.fork()
            if way == "fork" and not process:
                os._exit(run_script(**request))
            print(process, file=replies, flush=True)
            if process:
                status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            else:
                status = run_script(**request)
            errors.seek(0)
            text = errors.read().decode()
        print(json.dumps((status, text)), file=replies, flush=True)


def run_script(command, environment):
    """Run a script in this process, and return its exit status."""
    os.environ.update(environment)
    ctypes.CDLL(None).count_from_zero()
    sys.argv = command
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as exit:
        return exit.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        os.environ["CRASH_FOLDER"] = "nothing is counted between programs"
    return 0


def reuse_traced_functions():
    """Make all runs use the same model and trainer, which start with their initial values."""
    from tf_lstm.engines import build
    from tf_lstm.runs import training

    def variables(made):
        if hasattr(made, "variables_by_name"):
            return list(made.variables_by_name.values())
        return [*variables(made.model), made.totals, *made.optimizer.variables]

    def reused(new):
        known = {}

        def reset(recipe_or_settings, *others):
            key = repr(
                (recipe_or_settings, *(each for each in others if isinstance(each, str | int)))
            )
            if key not in known:
                made = new(recipe_or_settings, *others)
                known[key] = made, [(v, v.numpy()) for v in variables(made)]
            made, initial = known[key]
            for variable, value in initial:
                variable.assign(value)
            return made

        return reset

    build.build_model, training.trainer_of = map(reused, (build.build_model, training.trainer_of))


if __name__ == "__main__":
    serve(sys.argv[1])
