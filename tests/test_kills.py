"""A training killed at random moments, and resumed, ends like an uninterrupted one."""

import contextlib
import platform
import random
import shutil
import statistics
import time
from pathlib import Path

import pytest
from crash_points import Programs
from saved_runs import assert_same_run, write_digits
from worker_processes import configs, start

from tf_lstm.runs.locate import open_run

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "train_mnist.py"


def wait_for_another_checkpoint(folder):
    started, latest = time.time(), folder / "checkpoints" / "latest"
    while time.time() < started + 120:
        with contextlib.suppress(FileNotFoundError):  # deleted since it was found
            if any(path.stat().st_mtime > started for path in latest.glob("*.index")):
                return
        time.sleep(0.02)
    raise AssertionError(f"no new checkpoint in {latest}")


@pytest.mark.slow
@pytest.mark.skipif(
    platform.system() != "Linux" or not shutil.which("gcc"), reason="needs Linux and gcc"
)
def test_kills_change_nothing(tmp_path, request):
    kills = request.config.getoption("--kills")
    data = write_digits(tmp_path / "digits.npz", 240)
    flags = ["--quiet", "--recipe", "best", "--units", 8, "--batch-size", 8, "--data", data]
    flags += ["--epochs", 2 * kills + 20, "--engine", "folded", "--set", "time_steps=4", "--run"]
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    programs = Programs(tmp_path, watched="nothing")
    assert programs.run("train_mnist.py", *flags, uninterrupted) == [0, ""]

    # A kill at any moment of an epoch, within a step or a checkpoint's write. Each kill costs at
    # most two epochs on any machine, so the training is not over before the last kill.
    epoch = statistics.median(metrics.seconds for metrics in open_run(uninterrupted).read_history())
    moments, command = random.Random(1), [*flags, killed]
    for _ in range(kills):
        with programs.running("train_mnist.py", *command):
            wait_for_another_checkpoint(killed)
            time.sleep(moments.uniform(0, epoch))
        command = ["--quiet", "--resume", killed]
    assert programs.run("train_mnist.py", *command) == [0, ""]
    programs.close()

    assert_same_run(killed, uninterrupted)


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path):
    data = write_digits(tmp_path / "digits.npz", 600)
    flags = [SCRIPT, "--data", data, "--strategy", "multi-worker", "--recipe", "best"]
    flags += ["--units", 8, "--batch-size", 8, "--epochs", 6]
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    workers = [start([*flags, "--run", uninterrupted], config) for config in configs()]
    assert [worker.wait() for worker in workers] == [0, 0]

    first, second = (start([*flags, "--run", killed], config) for config in configs())
    wait_for_another_checkpoint(killed)
    second.kill()
    _, errors = first.communicate()
    assert first.returncode == 2 and f"restart all of them with --resume {killed}" in errors

    workers = [start([SCRIPT, "--resume", killed], config) for config in configs()]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert_same_run(killed, uninterrupted)
