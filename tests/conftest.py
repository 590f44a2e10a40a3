"""What several test modules use. TensorFlow is started as the scripts start it."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.startup import import_tensorflow

import_tensorflow()


@pytest.fixture
def random():
    return np.random.default_rng(20)
