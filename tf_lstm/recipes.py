"""The settings of every named system, as plain data.

Put two recipes side by side and the difference between two systems is what you see. Nothing here
computes anything, and nothing here needs TensorFlow: `--help` reads this file alone.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """Every setting of one training. `learning_rate` is the peak when there is a warm-up."""

    name: str
    description: str
    units: int  # size of the LSTM's hidden state, and of the projected rows
    initial_values: str  # "normal": N(0, 1) weights, biases 0.1; "glorot": Glorot weights, biases 0
    loss_rows: str  # "every": a loss after every row, and the last row's again; "last": that alone
    epochs: int
    steps: int | None  # stop after so many steps, in the middle of an epoch if need be
    batch_size: int
    learning_rate: float
    warmup_steps: int  # the learning rate climbs from 0 for so many steps
    decay: str  # "none", or "cosine": down to 0 at the last step
    adam_epsilon: float
    clip_norm: float | None  # gradients longer than this are scaled down to it, all together
    report_steps: int | None  # print the batch's training accuracy every so many steps


# The BasicLSTMCell tutorial, as it was published. TensorFlow 1's Adam had epsilon 1e-8.
BASIC = Recipe(
    name="basic",
    description="the old BasicLSTMCell tutorial, faithfully: 501 steps, loss after the last row",
    units=128,
    initial_values="normal",
    loss_rows="last",
    epochs=1,
    steps=501,
    batch_size=100,
    learning_rate=1e-3,
    warmup_steps=0,
    decay="none",
    adam_epsilon=1e-8,
    clip_norm=None,
    report_steps=50,
)

# The same network, trained well. The loss is taken after every row because the row predictions
# mean nothing otherwise: an output projection that only ever saw the last hidden state has never
# learned to read the ones before it.
DEFAULT = replace(
    BASIC,
    name="default",
    description="the same network trained well: 4 epochs, loss after every row",
    initial_values="glorot",
    loss_rows="every",
    epochs=4,
    steps=None,
    batch_size=128,
    learning_rate=4e-3,
    warmup_steps=200,
    decay="cosine",
    adam_epsilon=1e-7,
    clip_norm=1.0,
    report_steps=None,
)

RECIPES = {recipe.name: recipe for recipe in (DEFAULT, BASIC)}
