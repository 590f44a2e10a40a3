"""A training killed at random moments, and resumed, ends like an uninterrupted one."""

import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from saved_runs import assert_same_run, write_digits
from worker_processes import configs
from worker_processes import start as start_process

from tf_lstm.runs.locate import open_run

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "train_mnist.py"
KILLS = 20


def start(*flags):
    return subprocess.Popen(
        [sys.executable, SCRIPT, "--quiet", *map(str, flags)], stdout=subprocess.DEVNULL
    )


def wait_for_another_checkpoint(folder, process):
    """Wait until the process has written a checkpoint, or has ended."""
    started = time.time()
    newest = folder / "checkpoints" / "latest" / "checkpoint"  # names the newest one
    while process.poll() is None and not (newest.exists() and newest.stat().st_mtime > started):
        time.sleep(0.02)


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path):
    data = write_digits(tmp_path / "digits.npz", 1200)
    flags = ["--recipe", "best", "--units", 8, "--batch-size", 8, "--data", data]
    flags += ["--epochs", 60, "--engine", "folded"]
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    assert start(*flags, "--run", uninterrupted).wait() == 0

    # A kill at any moment of an epoch, within a step or a checkpoint's write. Each kill costs at
    # most two epochs on any machine, so the training is not over before the last kill.
    epoch = statistics.median(metrics.seconds for metrics in open_run(uninterrupted).read_history())
    moments = random.Random(1)
    process = start(*flags, "--run", killed)
    for kill in range(KILLS):
        wait_for_another_checkpoint(killed, process)
        time.sleep(moments.uniform(0, epoch))
        assert process.poll() is None, f"finished after {kill} kills: increase --epochs"
        process.kill()
        process.wait()
        process = start("--resume", killed)
    assert process.wait() == 0

    assert_same_run(killed, uninterrupted)


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path):
    data = write_digits(tmp_path / "digits.npz", 600)
    flags = [SCRIPT, "--data", data, "--strategy", "multi-worker", "--recipe", "best"]
    flags += ["--units", 8, "--batch-size", 8, "--epochs", 6]
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    workers = [start_process([*flags, "--run", uninterrupted], config) for config in configs()]
    assert [worker.wait() for worker in workers] == [0, 0]

    first, second = (start_process([*flags, "--run", killed], config) for config in configs())
    wait_for_another_checkpoint(killed, first)
    second.kill()
    _, errors = first.communicate()
    assert first.returncode == 2 and f"restart all of them with --resume {killed}" in errors

    workers = [start_process([SCRIPT, "--resume", killed], config) for config in configs()]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert_same_run(killed, uninterrupted)
