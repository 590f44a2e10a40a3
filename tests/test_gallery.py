"""What a user plots does not change a file that git tracks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from saved_runs import write_digits
from test_pages import COMMANDS

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = ("--epochs", "1", "--units", "5")


def git(folder, *arguments):
    """What git prints."""
    program = ["git", "-c", "user.name=a", "-c", "user.email=a", *arguments]
    return subprocess.run(program, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def clone(tmp_path):
    """A clone of what git would commit now."""
    clone = tmp_path / "clone"
    names = git(REPOSITORY, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in names:
        if (REPOSITORY / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_bytes((REPOSITORY / name).read_bytes())
    git(clone, "init", "-q")
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "all")
    return clone


@pytest.mark.slow
@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="this is not a git repository")
def test_the_quick_start_leaves_the_repository_as_it_was(clone, tmp_path):
    data = write_digits(tmp_path / "digits.npz", 60)
    environment = os.environ | {"MNIST_DIR": str(data)}
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        environment.pop(variable, None)
    for script, flags in (
        ("train_mnist.py", SMALL),
        ("plot_row_predictions.py", ()),
        ("plot_row_predictions.py", ("--summary",)),
        ("draw_digit.py", ()),
    ):
        program = [sys.executable, f"scripts/{script}", *flags]
        result = subprocess.run(program, cwd=clone, env=environment, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")
    assert (clone / "figures" / "row_predictions.png").exists()
    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_only_the_benchmarks_commands_on_the_pages_name_files_of_the_gallery(command):
    _, script, flags = COMMANDS[command]
    outputs = [flag for name, flag in zip(flags, flags[1:], strict=False) if name == "--output"]
    if not script.startswith(("scripts/benchmarks/", "scripts/reproduce_results.py")):
        assert not any(output.startswith("figures/gallery/") for output in outputs)
