"""The settings of every named system, as plain data.

Put two recipes side by side and the difference between two systems is what you see. Nothing here
computes anything, and nothing here needs TensorFlow, so `--help` is quick.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """Every setting of one training. `learning_rate` is the peak when there is a warm-up."""

    name: str
    description: str
    published: float | None  # the publisher's accuracy on the test images, in percent

    # What is read: see `rows`.
    validation: bool  # set 5,000 training images aside, to choose the best weights by
    pixel_offset: float  # subtracted from pixels in [0, 1]
    row_order: str  # "reading", "reversed", "columns", "permuted" or "shuffled"
    tested_order: str  # the same, of images that are not trained on
    pad_columns: int  # blank columns added to every row
    pad_place: str  # "side": on the right; "between": spread evenly between the others
    time_steps: int  # the same pixels as so many rows: 28, or 56 half rows, or 14 pairs of rows
    augment: str  # of training images, anew each time: "none", "bend" or "bend in place"

    # The network: see `model`.
    input_projection: bool
    layers: int
    bidirectional: bool
    units: int  # size of a layer's hidden state in one direction, and of the projected rows
    dropout: float  # of each layer's outputs, while training
    # Of the projections "normal": N(0, 1) weights, biases 0.1; "glorot": Glorot weights, biases 0.
    # Of the cells: see `new_cell`.
    initial_values: str

    # The training: see `trainer`.
    loss_rows: str  # "every": a loss after every row, and the last row's again; "last": that alone
    epochs: int
    steps: int | None  # stop after so many steps, in the middle of an epoch if need be
    batch_size: int
    optimizer: str  # "adam" or "rmsprop"
    epsilon: float  # the optimizer's
    learning_rate: float
    warmup_steps: int  # before a decay the learning rate climbs from 0 for so many steps
    decay: str  # "none", or "cosine": down to 0 at the last step
    clip_norm: float | None  # gradients longer than this are scaled down to it, all together
    report_steps: int | None  # print the batch's training accuracy every so many steps


# The BasicLSTMCell tutorial, as it was published. TensorFlow 1's Adam had epsilon 1e-8.
BASIC = Recipe(
    name="basic",
    description="the old BasicLSTMCell tutorial, faithfully: 501 steps, loss after the last row",
    published=None,
    validation=True,
    pixel_offset=0.0,
    row_order="reading",
    tested_order="reading",
    pad_columns=0,
    pad_place="side",
    time_steps=28,
    augment="none",
    input_projection=True,
    layers=1,
    bidirectional=False,
    units=128,
    dropout=0.0,
    initial_values="normal",
    loss_rows="last",
    epochs=1,
    steps=501,
    batch_size=100,
    optimizer="adam",
    epsilon=1e-8,
    learning_rate=1e-3,
    warmup_steps=0,
    decay="none",
    clip_norm=None,
    report_steps=50,
)

# Its sequel with two cells, each wrapped in dropout: 5,000 steps of 100.
DEEP = replace(
    BASIC,
    name="deep",
    description="the tutorial's sequel: two layers of 256 units with dropout, 5,000 steps",
    published=98.91,
    layers=2,
    units=256,
    dropout=0.5,
    epochs=10,
    steps=5000,
    report_steps=None,
)

# The same network as `basic`, trained well. The loss is taken after every row because the row
# predictions mean nothing otherwise: an output projection that only ever saw the last hidden state
# has never learned to read the ones before it.
DEFAULT = replace(
    BASIC,
    name="default",
    description="the tutorial's network trained well: 4 epochs, loss after every row",
    initial_values="glorot",
    loss_rows="every",
    epochs=4,
    steps=None,
    batch_size=256,
    epsilon=1e-7,
    learning_rate=8e-3,
    warmup_steps=100,
    decay="cosine",
    clip_norm=1.0,
    report_steps=None,
)

# One layer, one direction, 128 units, and no more than time and bent images.
BEST = replace(
    DEFAULT,
    name="best",
    description="the default's network on bent images, 80 epochs",
    augment="bend",
    epochs=80,
    batch_size=128,
    learning_rate=3e-3,
    warmup_steps=200,
)

# The same for those who would rather not wait for the last row.
EARLY = replace(
    BEST,
    name="early",
    description="best, with images bent in place: right sooner",
    augment="bend in place",
)

# What each part of `best` brings, in a quarter of the time: the same, and with one change each.
BEST_20 = replace(BEST, name="best-20", description="`best` in 20 epochs", epochs=20)
ABLATIONS = (
    replace(
        BEST_20,
        name="best-20-unbent",
        description="best-20 without bending the images",
        augment="none",
    ),
    replace(
        BEST_20,
        name="best-20-last",
        description="best-20 with a loss after the last row only",
        loss_rows="last",
    ),
)

# Keras tutorials: raw rows, no input projection, all 60,000 training images, Keras' own defaults.
KERAS_30 = Recipe(
    name="keras-30",
    description="LSTM(30) and Dense(10) of a Keras tutorial, 20 epochs",
    published=98.02,
    validation=False,
    pixel_offset=0.5,
    row_order="reading",
    tested_order="reading",
    pad_columns=0,
    pad_place="side",
    time_steps=28,
    augment="none",
    input_projection=False,
    layers=1,
    bidirectional=False,
    units=30,
    dropout=0.0,
    initial_values="glorot",
    loss_rows="last",
    epochs=20,
    steps=None,
    batch_size=128,
    optimizer="adam",
    epsilon=1e-7,
    learning_rate=1e-3,
    warmup_steps=0,
    decay="none",
    clip_norm=None,
    report_steps=None,
)
BILSTM_30 = replace(
    KERAS_30,
    name="bilstm-30",
    description="keras-30 with two bidirectional layers",
    published=98.38,
    layers=2,
    bidirectional=True,
)
KERAS_128 = replace(
    KERAS_30,
    name="keras-128",
    description="LSTM(128) and Dense(10) of another Keras tutorial, batches of 28, 20 epochs",
    published=None,
    pixel_offset=0.0,
    units=128,
    batch_size=28,
)
STACKED_32 = replace(
    KERAS_30,
    name="stacked-32",
    description="three LSTM(32) and Dense(10), RMSprop, 20 epochs",
    published=98.56,
    pixel_offset=0.0,
    layers=3,
    units=32,
    optimizer="rmsprop",
)
PADDED_42 = replace(
    STACKED_32,
    name="padded-42",
    description="stacked-32 with 14 blank columns beside every image",
    published=98.39,
    pad_columns=14,
)

# Claims that were made about such networks and never tested, each one change to the default: that
# the order of rows matters, that blank columns do no harm, that longer sequences are harder.
EXPERIMENTS = (
    replace(
        DEFAULT,
        name="reversed",
        description="the default, reading from the last row up",
        row_order="reversed",
        tested_order="reversed",
    ),
    replace(
        DEFAULT,
        name="columns",
        description="the default, reading column by column",
        row_order="columns",
        tested_order="columns",
    ),
    replace(
        DEFAULT,
        name="permuted",
        description="the default, reading the rows in one random order",
        row_order="permuted",
        tested_order="permuted",
    ),
    replace(
        DEFAULT,
        name="shuffled",
        description="the default, reading each image's rows in an order of its own",
        row_order="shuffled",
        tested_order="shuffled",
    ),
    replace(
        DEFAULT,
        name="test-shuffled",
        description="the default, validated and tested on images with their rows shuffled",
        tested_order="shuffled",
    ),
    replace(
        DEFAULT,
        name="blank-14",
        description="the default with 14 blank columns beside every image",
        pad_columns=14,
    ),
    replace(
        DEFAULT,
        name="blank-between",
        description="the default with a blank column after every second one",
        pad_columns=14,
        pad_place="between",
    ),
    replace(
        DEFAULT,
        name="steps-56",
        description="the default on 56 half rows",
        time_steps=56,
    ),
    replace(
        DEFAULT,
        name="steps-112",
        description="the default on 112 quarters of rows",
        time_steps=112,
    ),
    replace(
        DEFAULT,
        name="steps-196",
        description="the default on 196 sevenths of rows",
        time_steps=196,
    ),
    replace(
        DEFAULT,
        name="steps-784",
        description="the default, pixel by pixel; takes hours",
        time_steps=784,
    ),
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        DEFAULT,
        BEST,
        EARLY,
        BEST_20,
        *ABLATIONS,
        BASIC,
        DEEP,
        KERAS_30,
        BILSTM_30,
        KERAS_128,
        STACKED_32,
        PADDED_42,
        *EXPERIMENTS,
    )
}

# From which recipe it is one change away, by a recipe's name.
BASELINES = {recipe.name: DEFAULT for recipe in EXPERIMENTS}
BASELINES |= {recipe.name: BEST_20 for recipe in ABLATIONS}
