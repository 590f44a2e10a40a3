"""Every recipe: a named set of all settings.

The first recipe, `default`, is the class `Recipe` with its defaults. Every other one is written as
its difference from one above it; the comment before it says what to expect: the accuracy on the
MNIST test images (mean ± standard deviation over seeds) and the wall time on 2 cores of

    python scripts/train_mnist.py --recipe NAME --engine folded

`published_systems` has the recipes of published systems.
"""

from dataclasses import replace

from tf_lstm.published_systems import PUBLISHED_SYSTEMS
from tf_lstm.settings import Recipe, RowOrder


def derive(base: Recipe, name: str, difference: str, **changes: object) -> Recipe:
    """A recipe that differs from `base` in `changes` and is compared with it."""
    description = f"{base.name} {difference}"
    return replace(base, name=name, description=description, baseline=base.name, **changes)  # type: ignore[arg-type]


# 98.8 %, 0.6 minutes.
DEFAULT = Recipe()

# One epoch, chosen on 10,000 held-out training images. 98.3 ± 0.1 %, 0.3 minutes.
QUICK = replace(
    DEFAULT,
    name="quick",
    description="the default's network in one epoch with Muon",
    epochs=1,
    batch_size=128,
    optimizer="muon",
    learning_rate=1.6e-2,
    weight_decay=0.1,
    warmup_steps=40,
)

# The default's network, trained on augmented images for longer. 99.6 %, 15 minutes.
BEST = replace(
    QUICK,
    name="best",
    description="the default's network on augmented images, 80 epochs with Muon",
    augment="affine_elastic",
    epochs=80,
    learning_rate=1.2e-2,
    warmup_steps=200,
)
# More accurate after few rows. 99.6 %, 20 minutes. It keeps the last weights, because accuracy
# after few rows improves until the end; the best in validation may come much earlier.
EARLY = replace(
    BEST,
    name="early",
    description="three layers, equally weighted rows, less augmentation: accurate after few rows",
    augment="affine_elastic_centered",
    augmented_share=0.4,
    layers=3,
    loss_rows="all",
    epochs=40,
    keep_weights="last",
)


def best_in_order(row_order: RowOrder, direction: str) -> Recipe:
    """`best` with three layers that read in another direction, and fewer epochs."""
    return replace(
        BEST,
        name=f"best-{row_order}",
        description=f"three layers that read {direction}, 40 epochs on augmented images",
        row_order=row_order,
        eval_row_order=row_order,
        layers=3,
        epochs=40,
    )


# They read in other directions than `early`, so they misclassify different images, and an ensemble
# of all three is more accurate than each alone. 99.6 %, 17 minutes each.
OTHER_DIRECTIONS = (
    best_in_order("columns", "column by column"),
    best_in_order("reversed", "from bottom to top"),
)

# What each part of `best` contributes, in an eighth of its epochs. 99.1 to 99.4 %, 2 minutes.
BEST_10 = replace(BEST, name="best-10", description="best in 10 epochs", epochs=10)
WITH_ADAM = {"optimizer": "adam", "learning_rate": 3e-3, "weight_decay": 0.0}
ABLATIONS = (
    derive(BEST_10, "best-10-unaugmented", "without augmentation", augment="none"),
    derive(BEST_10, "best-10-last", "with the loss after the last row only", loss_rows="last"),
    derive(BEST_10, "best-10-no-decay", "without weight decay", weight_decay=0.0),
    derive(BEST_10, "best-10-adam", "with Adam, without weight decay", **WITH_ADAM),
)

# What each gate contributes (see `cell_variants`), in the epoch of `quick`. 97 to 98.3 %, 0.4
# minutes each.
MISSING_GATES = tuple(
    derive(QUICK, f"quick-{missing}", difference, cell=f"lstm-{missing}")
    for missing, difference in (
        ("no-input-gate", "without an input gate"),
        ("no-forget-gate", "without a forget gate"),
        ("no-output-gate", "without an output gate"),
        ("coupled-gates", "with the forget gate 1 minus the input gate"),
    )
)


def in_order(row_order: RowOrder, difference: str) -> Recipe:
    """The default, trained and tested in another row order."""
    return derive(DEFAULT, row_order, difference, row_order=row_order, eval_row_order=row_order)


BETWEEN = {"pad_columns": 14, "pad_position": "between"}
# Common claims about such networks, each as one change to the default: that the order of the rows
# matters, that blank columns do not hurt, that longer sequences are harder. 1 to 3 minutes each.
EXPERIMENTS = (
    in_order("reversed", "reading from the bottom row to the top"),
    in_order("columns", "reading column by column"),
    in_order("permuted", "reading the rows in one random order"),
    in_order("shuffled", "reading the rows of each image in a random order"),
    derive(DEFAULT, "test-shuffled", "tested on shuffled rows", eval_row_order="shuffled"),
    derive(DEFAULT, "blank-14", "with 14 blank columns on the right", pad_columns=14),
    derive(DEFAULT, "blank-between", "with a blank column after every second one", **BETWEEN),
    derive(DEFAULT, "steps-56", "on 56 half rows", time_steps=56),
    derive(DEFAULT, "steps-112", "on 112 quarter rows", time_steps=112),
    derive(DEFAULT, "steps-196", "on 196 steps of 4 pixels", time_steps=196),
)

# An image as 784 time steps of one pixel. 99.0 % (one seed, mixed precision), an hour on one core.
PIXELS = replace(
    QUICK,
    name="pixels",
    description="pixel by pixel, with chrono forget biases, 6 epochs with Muon",
    time_steps=784,
    forget_bias="chrono",
    epochs=6,
)
PERMUTED_PIXELS = derive(
    PIXELS,
    "pixels-permuted",
    "in one random order",
    row_order="permuted_pixels",
    eval_row_order="permuted_pixels",
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        *(DEFAULT, QUICK, BEST, EARLY, *OTHER_DIRECTIONS),
        *(BEST_10, *ABLATIONS, *MISSING_GATES, *PUBLISHED_SYSTEMS, *EXPERIMENTS),
        *(PIXELS, PERMUTED_PIXELS),
    )
}
