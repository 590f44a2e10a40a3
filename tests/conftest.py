"""Options and fixtures for all tests. TensorFlow is imported as the scripts import it."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.startup import import_tensorflow

import_tensorflow()


def pytest_addoption(parser):
    parser.addoption("--cases", type=int, help="cases of each test marked `fuzz`")
    parser.addoption("--kills", type=int, default=20, help="kills of one training")
    parser.addoption("--every", type=int, default=5, help="distance of the tested crash points")


# They take longest, so they start first; otherwise one process would end long after the others.
SLOWEST = ("test_resume.py", "test_scripts.py", "test_alphabet.py", "test_distribution.py")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in SLOWEST)


@pytest.fixture
def random():
    return np.random.default_rng(20)


@pytest.fixture
def runs_folder(tmp_path, monkeypatch):
    """A temporary folder instead of the repository's runs/."""
    from tf_lstm.runs import locate

    folder = tmp_path / "runs"
    monkeypatch.setattr(locate, "RUNS", folder)
    monkeypatch.setattr(locate, "LATEST", folder / "latest")
    return folder
