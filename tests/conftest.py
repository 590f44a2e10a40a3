"""Fixtures for all tests. TensorFlow is imported as the scripts import it."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.startup import import_tensorflow

import_tensorflow()


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
