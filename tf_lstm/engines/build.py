"""Builds a recipe's model with one of the engines, by name."""

from functools import partial

import tensorflow as tf

from tf_lstm.engines.folded import ProjectedRows, read_folded
from tf_lstm.engines.names import EngineName, usable_engine
from tf_lstm.model import RowClassifier
from tf_lstm.recurrence import UNROLLED, Engine, project, read_in_loop
from tf_lstm.settings import Precision, Recipe

GATES = Engine()  # the written-out equations, unrolled
LOOP = Engine(read_in_loop)


def folded_engine(dtype: tf.DType = tf.float32, bidirectional: bool = False) -> Engine:
    """The folded engine with matrix products of a type; a bidirectional network is not folded."""
    return Engine(
        partial(read_folded, product_dtype=dtype),
        # The backward direction would have to reverse the rows of a `ProjectedRows`.
        project_in=project if bidirectional else ProjectedRows,
    )


def build_model(
    recipe: Recipe,
    seed: int = 0,
    engine: EngineName = "cell",
    dtype: tf.DType = tf.float32,
    precision: Precision = "float32",
    num_classes: int = 10,
) -> RowClassifier:
    """A new `RowClassifier` for a recipe.

    Args:
        recipe: the settings.
        seed: determines the initial values, which do not depend on the engine.
        engine: a step differs by rounding only. "loop" is used for long sequences.
        dtype: the type of all variables and logits.
        precision: "mixed_bfloat16" for bfloat16 matrix products of the folded engine.
        num_classes: the number of classes, 10 for MNIST.

    Raises:
        ValueError: the engine does not compute the recipe's cell, or the precision.
    """
    product_dtype = tf.bfloat16 if precision == "mixed_bfloat16" else dtype
    engines = {
        "cell": UNROLLED,
        "gates": GATES,
        "folded": folded_engine(product_dtype, recipe.bidirectional),
        "loop": LOOP,
    }
    usable = engines[usable_engine(engine, recipe, precision)]
    return RowClassifier(recipe, seed, dtype, usable, num_classes)
