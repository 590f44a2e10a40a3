"""A training that is killed, or fails, at a file operation can be continued and ends the same."""

import errno
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from crash_points import compile_library, environment
from saved_runs import assert_same_run, write_digits

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "train_mnist.py"
# Test each fifth operation, starting elsewhere for each kind of failure.
EVERY = int(os.environ.get("CRASH_POINTS_EVERY", "5"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        platform.system() != "Linux" or not shutil.which("gcc"), reason="needs Linux and gcc"
    ),
]


def train(*flags, env=None):
    command = [sys.executable, SCRIPT, "--quiet", *flags]
    return subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """An uninterrupted run: its folder, its flags, and the number of its file operations."""
    folder = tmp_path_factory.mktemp("crash_points")
    library, log = compile_library(folder), folder / "log"
    data = write_digits(folder / "digits.npz", 150, test_count=40)
    flags = ["--data", data, "--units", 8, "--batch-size", 32, "--epochs", 2, "--run"]
    run = folder / "run"
    process = train(*flags, run, env=environment(library, run, log))
    assert process.returncode == 0, process.stderr
    operations = len(log.read_text().splitlines())
    assert operations > 80
    return SimpleNamespace(folder=run, flags=flags, library=library, operations=operations)


@pytest.mark.parametrize("first, error", [(1, 0), (2, errno.ENOSPC), (3, errno.EIO)])
def test_a_training_stopped_at_any_file_operation_can_be_continued(
    first, error, uninterrupted, tmp_path
):
    for operation in range(first, uninterrupted.operations + 1, EVERY):
        run = tmp_path / f"stopped-at-{operation}"
        env = environment(uninterrupted.library, run, at=operation, error=error)
        process = train(*uninterrupted.flags, run, env=env)
        assert_stopped(process, error, operation)
        if not (run / "test_result.json").exists():
            continue_training(run, uninterrupted.flags, operation)
        assert_same_run(run, uninterrupted.folder)
        shutil.rmtree(run)


def assert_stopped(process, error, operation):
    """The process was killed, or has reported the failure in one line, or could do without it."""
    if not error:
        assert process.returncode == -signal.SIGKILL, f"operation {operation} was not reached"
    elif process.returncode:
        lines = process.stderr.splitlines()
        assert (process.returncode, len(lines)) == (2, 1), f"{operation}: {process.stderr}"


def continue_training(run, flags, operation):
    """Resume the run; if it had not started, do as the message says: start it again."""
    process = train("--resume", run)
    if process.returncode:
        assert f"--run {run}" in process.stderr or not run.exists(), (
            f"{operation}: {process.stderr}"
        )
        process = train(*flags, run)
    assert process.returncode == 0, f"{operation}: {process.stderr}"
