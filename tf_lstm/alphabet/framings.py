"""Ways to frame letters for an LSTM: what is a sample, a time step, a feature.

In six framings, the task is to predict the next letter of the alphabet, and the accuracy is
measured on the training samples. They and their published accuracies come from Jason Brownlee,
"Understanding Stateful LSTM Recurrent Neural Networks in Python with Keras" (Machine Learning
Mastery, 2016). The last letter alone determines the next one, so this task needs no memory.

In the two others, the task is to name the first of a few random letters, which does. The accuracy
is measured on strings that were not trained on.

Each framing states how it differs from the defaults of `Framing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STRINGS_SEED = 7  # NumPy's legacy generator then samples the same strings as the article
TRAINED_STRINGS, HELD_OUT_STRINGS = 5000, 1000  # of random letters


@dataclass(frozen=True)
class Framing:
    """All settings of one way to learn a task."""

    name: str
    description: str
    variant: str = ""  # empty: as published
    sampled_strings: int = 0  # from the alphabet; 0: all its substrings of one length, in order
    time_steps: int = 1  # per sample, which holds time_steps * features letters
    features: int = 1
    padding: float = 0.0  # input to the left of a shorter string
    masked: bool = False  # padding leaves the LSTM's state unchanged
    units: int = 32
    epochs: int = 500
    batch_size: int = 1  # divides the number of samples
    shuffled: bool = True  # a new order of the samples in every epoch
    stateful: bool = False  # each sample starts with the state after the previous one
    published: float = 1.0  # accuracy on the training samples, 0 to 1; not if `recall`
    recall: int = 0  # the task is to name the first of this many random letters; 0: the next letter

    @property
    def title(self) -> str:
        """The name, with the variant if there is one."""
        return f"{self.name}, {self.variant}" if self.variant else self.name

    @property
    def reference(self) -> tuple[str, float]:
        """What the accuracy is compared with: a name, and an accuracy from 0 to 1."""
        if self.recall:
            return "guessing", 1 / len(ALPHABET)
        return "published", self.published


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
PUBLISHED = (
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


def recall_framings(letters: int) -> tuple[Framing, ...]:
    """Naming the first of some random letters, in four framings of the same strings."""
    window = Framing(
        f"first-of-{letters}",
        f"{letters} random letters as {letters} features of one time step",
        variant="window",
        features=letters,
        units=64,
        epochs=100,
        batch_size=10,
        recall=letters,
    )
    one_letter = replace(
        window,
        description="the last letter only",
        variant="one letter",
        features=1,
    )
    return (
        window,
        replace(
            one_letter,
            description=f"{letters} random letters as {letters} time steps",
            variant="time steps",
            time_steps=letters,
        ),
        replace(
            one_letter,
            description="one letter per sample, with the state kept from letter to letter",
            variant="state kept",
            shuffled=False,
            stateful=True,
        ),
        one_letter,
    )


FRAMINGS = (*PUBLISHED, *recall_framings(3), *recall_framings(8))
NAMES = tuple(dict.fromkeys(framing.name for framing in FRAMINGS))


class Samples(NamedTuple):
    """The samples of a framing."""

    strings: list[str]
    inputs: np.ndarray  # (samples, time steps, features) float32, letters as 0/26 to 25/26
    labels: np.ndarray  # (samples,) int32, the index of the letter to predict


def make_samples(framing: Framing, held_out: bool = False) -> Samples:
    """The training samples, or with `held_out` the samples to measure the accuracy on.

    The two are the same if the task is to predict the next letter of the alphabet.
    """
    letters = framing.time_steps * framing.features
    if framing.recall:
        strings = random_strings(framing.recall)[held_out]
        labels = [ALPHABET.index(string[0]) for string in strings]
    else:
        if framing.sampled_strings:
            strings = sample_strings(framing.sampled_strings, framing.time_steps)
        else:
            strings = [ALPHABET[start : start + letters] for start in range(26 - letters)]
        labels = [ALPHABET.index(string[-1]) + 1 for string in strings]
    inputs = encode([string[-letters:] for string in strings], framing)
    return Samples(strings, inputs, np.array(labels, np.int32))


def random_strings(length: int) -> tuple[list[str], list[str]]:
    """The strings to train on, and strings held out, which do not occur among them.

    Both are substrings of a stream of random letters, each beginning one letter after the one
    before. So the last letters of all strings are a stream too, which a state can be kept along.
    """
    random = np.random.RandomState(STRINGS_SEED)
    trained: list[str] = []
    held_out: list[str] = []
    for strings, count in ((trained, TRAINED_STRINGS), (held_out, HELD_OUT_STRINGS)):
        known = set(trained) if strings is held_out else set()
        stream = ""
        while len(strings) < count:
            longer = stream + ALPHABET[random.randint(len(ALPHABET))]
            if longer[-length:] in known:
                continue  # try another letter
            stream = longer
            if len(stream) >= length:
                strings.append(stream[-length:])
    return trained, held_out


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
