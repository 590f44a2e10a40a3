"""Builds a recipe's model with one of the engines."""

from functools import partial

import tensorflow as tf

from tf_lstm.engines.bidirectional import BidirectionalLayer
from tf_lstm.engines.folded import FoldedLayer, fold_projection
from tf_lstm.engines.scan import ScanLayer
from tf_lstm.lstm import GatesLayer, LSTMLayer
from tf_lstm.model import RowClassifier
from tf_lstm.settings import Recipe

ENGINES: dict[str, type[LSTMLayer]] = {
    "cell": LSTMLayer,
    "gates": GatesLayer,
    "folded": FoldedLayer,
    "scan": ScanLayer,
}
MAX_UNROLLED = 200  # time steps; tracing an unrolled graph of 784 takes minutes


def usable_engine(engine: str, recipe: Recipe) -> str:
    """`engine`, or "scan" if the sequence is too long to unroll.

    Raises:
        ValueError: there is no such engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine is {engine!r}, not one of {', '.join(ENGINES)}")
    return "scan" if recipe.time_steps > MAX_UNROLLED else engine


def build_model(
    recipe: Recipe,
    seed: int = 0,
    engine: str = "cell",
    dtype: tf.DType = tf.float32,
    precision: str = "float32",
) -> RowClassifier:
    """A new `RowClassifier` for a recipe.

    Args:
        recipe: the settings.
        seed: determines the initial values, which do not depend on the engine.
        engine: one of `ENGINES`; a step differs by rounding only.
        dtype: the type of all variables and logits.
        precision: "mixed_bfloat16" for bfloat16 matrix products in folded layers.
    """
    layer_type = ENGINES[usable_engine(engine, recipe)]
    new_layer = partial(BidirectionalLayer, layer_type) if recipe.bidirectional else layer_type
    model = RowClassifier(recipe, new_layer, seed, dtype)  # type: ignore[arg-type]
    if recipe.bidirectional:
        model.layers[-1].return_sequences = False  # type: ignore[attr-defined]
    if layer_type is FoldedLayer and recipe.input_projection:
        fold_projection(model)
    if precision == "mixed_bfloat16":
        for layer in model.submodules:
            if isinstance(layer, FoldedLayer):
                layer.product_dtype = tf.bfloat16
    return model
