"""Stops a program at one of its file operations, with the library `crash_points.c`."""

import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("crash_points.c")


def compile_library(folder):
    """Compile the library into a folder and return its path; needs gcc and Linux."""
    library = folder / "crash_points.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def environment(library, folder, log=None, at=0, error=0):
    """The environment of a program whose operations below `folder` are counted.

    Args:
        log: a file that gets a line for each operation.
        at: the number of the operation to stop at, from 1; 0 for none.
        error: the error number it fails with; 0 kills the process instead.
    """
    variables = {
        "CRASH_FOLDER": folder,
        "CRASH_AT": at,
        "CRASH_ERRNO": error,
        "LD_PRELOAD": library,
    }
    if log:
        variables["CRASH_LOG"] = log
    return os.environ | {name: str(value) for name, value in variables.items()}
