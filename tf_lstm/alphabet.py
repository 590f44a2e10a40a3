"""The alphabet, laid out for an LSTM in six ways: what is a sample, a time step, a feature.

The task is to name the letter that follows, and the training data are all there is: the six
framings, and the accuracies that they were published with, are those of Jason Brownlee,
"Understanding Stateful LSTM Recurrent Neural Networks in Python with Keras" (Machine Learning
Mastery, 2016). Put two framings side by side and their difference is what you see.
"""

from dataclasses import dataclass, replace

import numpy as np

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STRINGS_SEED = 7  # with it NumPy's older generator draws the very strings of the original


@dataclass(frozen=True)
class Framing:
    """Every setting of one way to learn the alphabet."""

    name: str
    variant: str  # "": as it was published
    description: str
    random_strings: int  # so many random strings; 0: every run of letters in the alphabet, in order
    time_steps: int  # of a sample; time steps times features is the number of letters in it
    features: int
    padding: float  # stands to the left of a string that is too short
    masked: bool  # padding leaves the LSTM's state as it was
    units: int
    epochs: int
    batch_size: int  # divides the number of samples
    shuffled: bool  # a new order of the samples in every epoch
    stateful: bool  # a sample begins with the state that the one before it left
    learning_rate: float
    adam_epsilon: float
    published: float  # accuracy on the training samples, 0..1

    @property
    def title(self):
        """Its name, with the variant."""
        return f"{self.name}, {self.variant}" if self.variant else self.name


ONE_LETTER = Framing(
    name="one-letter",
    variant="",
    description="each letter alone",
    random_strings=0,
    time_steps=1,
    features=1,
    padding=0.0,
    masked=False,
    units=32,
    epochs=500,
    batch_size=1,
    shuffled=True,
    stateful=False,
    learning_rate=1e-3,
    adam_epsilon=1e-7,
    published=0.84,
)
WINDOW = replace(
    ONE_LETTER,
    name="window",
    description="three letters as three features of one time step",
    features=3,
    published=0.8696,
)
TIME_STEPS = replace(
    ONE_LETTER,
    name="time-steps",
    description="three letters as three time steps",
    time_steps=3,
    published=1.0,
)
WITHIN_BATCH = replace(
    ONE_LETTER,
    name="within-batch",
    description="the whole alphabet as one batch, in order",
    units=16,
    epochs=5000,
    batch_size=25,
    shuffled=False,
    published=1.0,
)
WITHIN_BATCH_SHUFFLED = replace(
    WITHIN_BATCH,
    variant="shuffled",
    description="the same, but the letters in a new order every time",
    shuffled=True,
)
WITHIN_BATCH_SINGLE = replace(
    WITHIN_BATCH_SHUFFLED,
    variant="batch 1",
    description="the same network and epochs, but one letter at a time",
    batch_size=1,
)
STATEFUL = replace(
    ONE_LETTER,
    name="stateful",
    description="each letter alone, but the state stays from letter to letter",
    units=50,
    epochs=300,
    shuffled=False,
    stateful=True,
    published=1.0,
)
VARIABLE_LENGTH = replace(
    ONE_LETTER,
    name="variable-length",
    description="1,000 random strings of 1 to 5 letters, zeros to their left",
    random_strings=1000,
    time_steps=5,
    published=0.989,
)
VARIABLE_LENGTH_MASKED = replace(
    VARIABLE_LENGTH,
    variant="masked",
    description="the same, but time steps without a letter leave the state as it was",
    padding=-1.0,  # zero would be the letter A
    masked=True,
)

FRAMINGS = (
    *(ONE_LETTER, WINDOW, TIME_STEPS),
    *(WITHIN_BATCH, WITHIN_BATCH_SHUFFLED, WITHIN_BATCH_SINGLE),
    *(STATEFUL, VARIABLE_LENGTH, VARIABLE_LENGTH_MASKED),
)
NAMES = tuple(dict.fromkeys(framing.name for framing in FRAMINGS))


@dataclass(frozen=True)
class Samples:
    """What a framing goes through in one epoch."""

    strings: tuple[str, ...]
    inputs: np.ndarray  # (samples, time steps, features) float32, letters as 0/26 to 25/26
    labels: np.ndarray  # (samples,) int32, the number of the letter that follows, 1 to 25


def make_samples(framing):
    """The strings of a framing and the letters that follow them, as `Samples`."""
    if framing.random_strings:
        strings = random_strings(framing.random_strings, framing.time_steps)
    else:
        letters = framing.time_steps * framing.features
        strings = [ALPHABET[start : start + letters] for start in range(len(ALPHABET) - letters)]
    return Samples(
        strings=tuple(strings),
        inputs=encode(strings, framing),
        labels=np.array([ALPHABET.index(string[-1]) + 1 for string in strings], np.int32),
    )


def random_strings(count, longest):
    """`count` pieces of the alphabet, of 1 to `longest` letters, none of which ends with Z."""
    random = np.random.RandomState(STRINGS_SEED)
    strings = []
    for _ in range(count):
        start = random.randint(len(ALPHABET) - 2)
        last = random.randint(start, min(start + longest, len(ALPHABET) - 1))
        strings.append(ALPHABET[start : last + 1])
    return strings


def encode(strings, framing):
    """Strings -> (samples, time steps, features) float32: a letter's number over 26.

    A string may be shorter than time steps times features: it is padded on the left.
    """
    time_steps, features = framing.time_steps, framing.features
    inputs = np.full((len(strings), time_steps * features), framing.padding, np.float32)
    for row, string in zip(inputs, strings, strict=True):
        row[-len(string) :] = [ALPHABET.index(letter) / len(ALPHABET) for letter in string]
    return inputs.reshape(-1, time_steps, features)
