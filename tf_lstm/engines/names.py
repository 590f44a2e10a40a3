"""The engines' names, and which of them computes a recipe. This module needs no TensorFlow."""

from typing import Literal, cast, get_args

from tf_lstm.settings import Precision, Recipe

EngineName = Literal["cell", "gates", "folded", "loop"]
ENGINES: tuple[str, ...] = get_args(EngineName)
MAX_UNROLLED = 200  # time steps; tracing an unrolled graph of 784 takes minutes


def usable_engine(engine: str, recipe: Recipe, precision: Precision = "float32") -> EngineName:
    """`engine`, or "loop" if the sequence is too long to unroll; `folded` has a loop of its own.

    Raises:
        ValueError: there is no such engine, or it does not compute the recipe's cell or the
            precision.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine is {engine!r}, not one of {', '.join(ENGINES)}")
    if engine == "folded" and recipe.cell != "lstm":
        raise ValueError(
            f"the engine 'folded' computes the cell 'lstm' only, not '{recipe.cell}': choose the "
            "engine 'cell'"
        )
    if precision != "float32" and engine != "folded":
        raise ValueError(
            f"only the engine 'folded' computes in {precision}: choose it, or the precision "
            "'float32'"
        )
    too_long = recipe.time_steps > MAX_UNROLLED
    return "loop" if too_long and engine != "folded" else cast(EngineName, engine)


def fastest_engine(recipe: Recipe) -> EngineName:
    """The engine that trains a recipe in the least time on a CPU."""
    return "folded" if recipe.cell == "lstm" else "cell"
