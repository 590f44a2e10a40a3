"""Which precision of matrix products is faster on this machine.

The names of a processor's instructions do not tell: of two processors with AVX512-BF16, an AMD EPYC
trains faster with bfloat16 products and an Intel Xeon more slowly. So the products of the folded
engine are timed in both precisions.
"""

import time
from functools import cache
from typing import Literal

import tensorflow as tf

from tf_lstm.rows import count_features
from tf_lstm.settings import Precision, Recipe
from tf_lstm.terminal.startup import cores

TIME_STEPS = 28
SECONDS = 0.1  # for the measurement
# NVIDIA's GPUs have TensorFloat-32 from this compute capability on.
FIRST_GPU = (8, 0)


@cache
def bfloat16_ratio(recipe: Recipe) -> float:
    """The time of a recipe's products in mixed_bfloat16 as a multiple of that in float32.

    One shard of a batch is measured, in the shapes of `engines.folded` and with the conversions
    that a time step needs. The fastest of several rounds counts, because other programs only slow
    a round down. It takes about 0.3 seconds, most of it for tracing.
    """
    on_gpu = bool(tf.config.get_visible_devices("GPU"))
    images = max(1, recipe.batch_size // (1 if on_gpu else cores()))
    features, units = count_features(recipe), recipe.units
    kernel = tf.random.stateless_normal((4 * units, features + units), (0, 1)) / units
    rows = tf.random.stateless_normal((features, images), (0, 2))

    @tf.function(autograph=False)
    def products(dtype: tf.DType) -> tf.Tensor:
        columns, transposed_kernel = tf.cast(rows, dtype), tf.cast(kernel, dtype)
        hidden = tf.zeros((units, images))
        for _ in range(TIME_STEPS):
            inputs = tf.concat([columns, tf.cast(hidden, dtype)], axis=0)
            hidden = tf.cast(transposed_kernel @ inputs, tf.float32)[:units]
        return tf.reduce_sum(hidden)

    def seconds(dtype: tf.DType) -> float:
        started = time.perf_counter()
        products(dtype).numpy()  # waits for a GPU
        return time.perf_counter() - started

    dtypes = (tf.float32, tf.bfloat16)
    for dtype in dtypes:
        products(dtype)  # traced
    rounds, end = [], time.perf_counter() + SECONDS
    while not rounds or time.perf_counter() < end:
        rounds.append([seconds(dtype) for dtype in dtypes])
    in_float32, in_bfloat16 = map(min, zip(*rounds, strict=True))
    return in_bfloat16 / in_float32


def choose_precision(
    precision: Precision | Literal["auto"], engine: str, recipe: Recipe
) -> Precision:
    """`precision`; instead of "auto", the faster one that the engine computes."""
    if precision != "auto":
        return precision
    is_faster = engine == "folded" and bfloat16_ratio(recipe) < 1
    return "mixed_bfloat16" if is_faster else "float32"


def describe_precision(precision: str, recipe: Recipe) -> str:
    """A note on the speed of bfloat16 products, or on the precision of float32 ones; or ""."""
    if precision == "mixed_bfloat16":
        ratio = bfloat16_ratio(recipe)
        advice = ": --precision float32 is faster" if ratio > 1 else ""
        return f"bfloat16 products take {ratio:.2f} times as long as float32 ones here{advice}"
    elif gpus := tf.config.get_visible_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpus[0])
        modern = details.get("compute_capability", FIRST_GPU) >= FIRST_GPU
        if modern and tf.config.experimental.tensor_float_32_execution_enabled():
            return "float32 matrix products use TensorFloat-32 on this GPU, with a 10-bit mantissa"
    return ""
