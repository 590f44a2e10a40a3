"""Six ways to frame the alphabet for an LSTM: what is a sample, a time step, a feature.

The task is to predict the next letter. The accuracy is measured on the training samples. The
framings and their published accuracies come from Jason Brownlee, "Understanding Stateful LSTM
Recurrent Neural Networks in Python with Keras" (Machine Learning Mastery, 2016). Each
framing states how it differs from the defaults of `Framing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STRINGS_SEED = 7  # NumPy's legacy generator then samples the same strings as the article


@dataclass(frozen=True)
class Framing:
    """All settings of one way to learn the alphabet."""

    name: str
    description: str
    variant: str = ""  # empty: as published
    sampled_strings: int = 0  # number of random strings; 0: all substrings of one length, in order
    time_steps: int = 1  # per sample, which holds time_steps * features letters
    features: int = 1
    padding: float = 0.0  # input to the left of a shorter string
    masked: bool = False  # padding leaves the LSTM's state unchanged
    units: int = 32
    epochs: int = 500
    batch_size: int = 1  # divides the number of samples
    shuffled: bool = True  # a new order of the samples in every epoch
    stateful: bool = False  # each sample starts with the state after the previous one
    published: float = 1.0  # accuracy on the training samples, 0 to 1

    @property
    def title(self) -> str:
        """The name, with the variant if there is one."""
        return f"{self.name}, {self.variant}" if self.variant else self.name


WITHIN_BATCH = Framing(
    "within-batch",
    "the whole alphabet as one batch, in order",
    units=16,
    epochs=5000,
    batch_size=25,
    shuffled=False,
)
SHUFFLED_BATCH = replace(
    WITHIN_BATCH,
    description="the same with the letters in a new order every epoch",
    variant="shuffled",
    shuffled=True,
)
VARIABLE_LENGTH = Framing(
    "variable-length",
    "1,000 sampled strings of 1 to 5 letters, padded with zeros on the left",
    sampled_strings=1000,
    time_steps=5,
    published=0.989,
)
FRAMINGS = (
    Framing("one-letter", "one letter per sample", published=0.84),
    Framing(
        "window", "three letters as three features of one time step", features=3, published=0.8696
    ),
    Framing("time-steps", "three letters as three time steps", time_steps=3),
    WITHIN_BATCH,
    SHUFFLED_BATCH,
    replace(
        SHUFFLED_BATCH,
        description="the same network and epochs with one letter per batch",
        variant="batch 1",
        batch_size=1,
    ),
    Framing(
        "stateful",
        "one letter per sample, with the state kept from letter to letter",
        units=50,
        epochs=300,
        shuffled=False,
        stateful=True,
    ),
    VARIABLE_LENGTH,
    replace(
        VARIABLE_LENGTH,
        description="the same with a state that padding leaves unchanged",
        variant="masked",
        padding=-1.0,  # 0 encodes the letter A
        masked=True,
    ),
)
NAMES = tuple(dict.fromkeys(framing.name for framing in FRAMINGS))


class Samples(NamedTuple):
    """The training samples of a framing."""

    strings: list[str]
    inputs: np.ndarray  # (samples, time steps, features) float32, letters as 0/26 to 25/26
    labels: np.ndarray  # (samples,) int32, the index of the next letter, 1 to 25


def make_samples(framing: Framing) -> Samples:
    """The strings of a framing, encoded, and the letters that follow them."""
    if framing.sampled_strings:
        strings = sample_strings(framing.sampled_strings, framing.time_steps)
    else:
        letters = framing.time_steps * framing.features
        strings = [ALPHABET[start : start + letters] for start in range(len(ALPHABET) - letters)]
    labels = np.array([ALPHABET.index(string[-1]) + 1 for string in strings], np.int32)
    return Samples(strings, encode(strings, framing), labels)


def sample_strings(count: int, max_length: int) -> list[str]:
    """Random substrings of the alphabet, of 1 to `max_length` letters; none ends with Z."""
    random = np.random.RandomState(STRINGS_SEED)
    strings = []
    for _ in range(count):
        start = random.randint(len(ALPHABET) - 2)
        last = random.randint(start, min(start + max_length, len(ALPHABET) - 1))
        strings.append(ALPHABET[start : last + 1])
    return strings


def encode(strings: Sequence[str], framing: Framing) -> np.ndarray:
    """Encode each letter as its index divided by 26, with padding to the left of short strings.

    Returns:
        (samples, time steps, features) float32.
    """
    time_steps, features = framing.time_steps, framing.features
    inputs = np.full((len(strings), time_steps * features), framing.padding, np.float32)
    for row, string in zip(inputs, strings, strict=True):
        row[-len(string) :] = [ALPHABET.index(letter) / len(ALPHABET) for letter in string]
    return inputs.reshape(-1, time_steps, features)
