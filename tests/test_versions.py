"""Packages that are too old are refused in one sentence; the page of tests shows the table."""

import dataclasses
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from saved_runs import write_digits

from tf_lstm.data.dataset import load_dataset
from tf_lstm.recipes import DEFAULT, RECIPES
from tf_lstm.runs.training import train_run
from tf_lstm.terminal import versions
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.versions import require_package, require_packages

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def installed(monkeypatch):
    """The versions that the packages seem to have; the others have their own."""
    found = {}
    own = importlib.metadata.version
    monkeypatch.setattr(versions, "version", lambda name: found.get(name) or own(name))
    return found


def test_the_installed_packages_are_new_enough():
    require_packages()


@pytest.mark.parametrize(
    "name, version",
    [("tensorflow", "2.15.1"), ("keras", "2.15.0"), ("numpy", "1.25.2"), ("matplotlib", "3.8")],
)
def test_an_older_package_is_named_with_the_remedy(name, version, installed):
    installed[name] = version
    with pytest.raises(UserError, match=f"{name} {version} .*requirements.txt"):
        require_packages()


@pytest.mark.parametrize("version", ["2.16.2", "2.17", "2.16.2rc0", "2.16.2+cpu", "3"])
def test_versions_are_compared_by_their_numbers(version, installed):
    installed["tensorflow"] = version
    require_package("tensorflow", "2.16.2", "")


def test_a_package_under_another_name_is_left_to_its_import():
    require_package("no-such-package", "1.0", "")


def test_an_older_keras_trains_what_does_not_need_its_newest_optimizer(
    installed, runs_folder, tmp_path
):
    installed["keras"] = "3.12.4"
    dataset = load_dataset(str(write_digits(tmp_path / "digits.npz", 60)))
    with pytest.raises(UserError, match="keras 3.12.4 .*quick"):
        train_run(dataset, RECIPES["quick"], quiet=True)
    assert not runs_folder.exists()
    recipe = dataclasses.replace(DEFAULT, time_steps=4, units=3, epochs=1, batch_size=16)
    assert train_run(dataset, recipe, quiet=True).is_finished


def test_an_older_python_is_refused_before_anything_else_is_imported():
    program = "import sys; sys.version_info = (3, 9, 18, 'final', 0); import tf_lstm.terminal.files"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "3.9.18" in done.stderr and done.stderr.count("\n") == 1
