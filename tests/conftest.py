"""What several test modules use."""

import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))


@pytest.fixture(scope="session")
def tensorflow():
    from tf_lstm.startup import import_tensorflow

    return import_tensorflow()


@pytest.fixture
def random():
    return np.random.default_rng(20)
