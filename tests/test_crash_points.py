"""What a program writes is whole even if it is killed, or fails, at any of its file operations."""

import errno
import platform
import re
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from crash_points import Programs
from saved_runs import assert_same_run, write_digits
from write_outputs import WRITERS

KINDS = {"kill": 0, "ENOSPC": errno.ENOSPC, "EIO": errno.EIO}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        platform.system() != "Linux" or not shutil.which("gcc"), reason="needs Linux and gcc"
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("crash_points")


@pytest.fixture(scope="module")
def programs(folder):
    programs = Programs(folder, watched=folder / "stopped")
    yield programs
    programs.close()


@pytest.fixture
def points(request):
    """The numbers of the operations to test: every fifth, from another start for each kind."""

    def points(kind, operations):
        every = request.config.getoption("--every")
        return range(1 + [*KINDS].index(kind) % every, len(operations) + 1, every)

    return points


def stop(programs, kind, number, *command):
    """Run a program that is stopped at an operation.

    Returns:
        Whether it was stopped, rather than doing without the operation; and its message.
    """
    status, message = programs.run(*command, at=number, error=KINDS[kind])
    assert len(programs.operations()) >= number, f"operation {number} was not reached"
    if kind == "kill":
        assert status == -signal.SIGKILL
    elif status:
        assert (status, message.count("\n")) == (2, 1), f"operation {number}: {message}"
    return status != 0, message


@pytest.fixture(scope="module")
def training(folder, programs):
    """An uninterrupted training: its flags, its file operations and its run."""
    data = write_digits(folder / "digits.npz", 150, test_count=40)
    flags = ["--quiet", "--engine", "folded", "--set", "time_steps=4", "--units", 4]
    flags += ["--batch-size", 64, "--epochs", 2, "--data", data, "--run"]
    run = folder / "stopped"
    assert programs.run("train_mnist.py", *flags, run) == [0, ""]
    run.rename(folder / "uninterrupted")
    operations = programs.operations()
    assert len(operations) > 80
    return SimpleNamespace(flags=flags, operations=operations, run=folder / "uninterrupted")


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_can_be_continued(kind, folder, programs, training, points):
    run, failures = folder / "stopped", []
    for number in points(kind, training.operations):
        shutil.rmtree(run, ignore_errors=True)
        operation = training.operations[number - 1].replace(str(run), "")
        outcome, message = "", ""
        try:
            stopped, message = stop(programs, kind, number, "train_mnist.py", *training.flags, run)
            state = describe(run)
            if not stopped:
                outcome = "not needed"
                assert_same_run(run, training.run)
            elif state not in CONTINUED:
                CONTINUED[state] = continue_training(programs, run, training.flags)
                assert_same_run(run, training.run)
            if stopped and kind != "kill" and CONTINUED[state] == "--resume":
                assert f"continue with --resume {run}" in message
            outcome = outcome or CONTINUED[state]
        except AssertionError as error:
            failures.append(f"{kind} at {number}, {operation}: {error}")
            outcome = "FAILED"
        print(kind, number, operation, outcome, message.strip(), sep="\t", flush=True)
    assert not failures, "\n".join(failures)


CONTINUED = {}  # how a run was continued, by the state of its folder


def describe(run):
    """The content of a run's folder, without the times in it and TensorFlow's random names."""
    files = sorted(path for path in run.rglob("*"))
    contents = [path.read_bytes() if path.is_file() else b"" for path in files]
    names = [re.sub(r"tempstate\d+|\.unfinished-\w{8}", "temporary", str(path)) for path in files]
    return tuple(
        (name, re.sub(rb",[^,\n]*\n", b"\n", content) if "history" in name else content)
        for name, content in zip(names, contents, strict=True)
    )


def continue_training(programs, run, flags):
    """Resume the run; if it had not started, do as the message says: start it again."""
    status, message = programs.run("train_mnist.py", "--quiet", "--resume", run)
    if status == 0:
        return "--resume"
    if "is finished already" in message:
        return "finished"
    assert f"--run {run}" in message or not run.exists(), message
    assert programs.run("train_mnist.py", *flags, run) == [0, ""]
    return "the same command"


@pytest.mark.parametrize("name", WRITERS)
def test_an_output_is_the_old_one_or_the_new_one(name, folder, programs, points, tmp_path):
    script, output = Path(__file__).with_name("write_outputs.py"), folder / "stopped" / name
    replaced = name != "network.savedmodel"  # an existing folder is refused
    contents = []
    for seed in (0, 1):
        if seed == 0 or not replaced:
            shutil.rmtree(output.parent, ignore_errors=True)
        assert programs.run(script, output, seed) == [0, ""]
        contents.append(read_files(output))
        if seed == 0 and replaced:
            shutil.copytree(output.parent, tmp_path / "old")
    old, new = contents
    assert old != new
    operations = programs.operations()
    for kind in KINDS:
        for number in points(kind, operations):
            shutil.rmtree(output.parent, ignore_errors=True)
            if replaced:
                shutil.copytree(tmp_path / "old", output.parent)
            stopped, message = stop(programs, kind, number, script, output, 1)
            files = read_files(output)
            if replaced:
                allowed = [(old[path], new[path]) for path in old]
                assert files.keys() == old.keys(), f"{kind} at {operations[number - 1]}"
                assert all(files[path] in pair for path, pair in zip(old, allowed, strict=True))
            else:
                assert not files or files.keys() >= new.keys()
            assert stopped or files.keys() >= new.keys()
            print(number, kind, stopped, operations[number - 1], message.strip(), sep="\t")


def read_files(path):
    """The content of a file, or of each file in a folder without what a killed process left there.

    LiteRT's converter does not give the same bytes again, so of its file it is the predictions.
    """
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    contents = {file.relative_to(path): file.read_bytes() for file in files}
    if path.suffix == ".tflite":
        contents = {name: predictions(content) for name, content in contents.items()}
    return {name: content for name, content in contents.items() if not str(name).startswith("tmp")}


def predictions(content):
    """The bytes of a LiteRT network's row predictions for one image."""
    runner = tf.lite.Interpreter(model_content=content).get_signature_runner()
    return runner(images=np.full((1, 28, 28), 255, np.uint8))["probabilities"].tobytes()
