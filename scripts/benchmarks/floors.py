"""Lower bounds for the training time: the matrix products alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from frameworks import Settings, Workload

from tf_lstm.terminal.startup import cores, import_tensorflow

if TYPE_CHECKING:  # importing it at run time would make `--help` slow
    import tensorflow as tf

MATRIX_SIZE = 2048


def matrix_product(settings: Settings, images: np.ndarray, labels: np.ndarray) -> Workload:
    """A large matrix product on all cores, which shows the machine's peak rate."""
    import tensorflow as tf

    matrix = tf.random.normal((MATRIX_SIZE, MATRIX_SIZE))

    def multiply() -> None:
        tf.matmul(matrix, matrix).numpy()

    return Workload(multiply, lambda batch_size: None, multiply)


def engine_products(settings: Settings, images: np.ndarray, labels: np.ndarray) -> Workload:
    """The matrix products of the folded engine and nothing else, in its shapes and shards."""
    import_tensorflow()
    import tensorflow as tf

    from tf_lstm.engines.folded import STEPS_PER_PRODUCT

    units, time_steps = settings["units"], settings["time_steps"]
    shard = settings["batch_size"] // cores()
    random = np.random.default_rng(0)

    # The matrices are arguments, because TensorFlow computes products of constants before the first
    # step. They differ at every time step, because it computes equal products only once.
    sizes = [784 // time_steps, *[units] * (settings["layers"] - 1)] * cores()
    shapes = [
        ((size, 4 * units), (time_steps, size, shard), (time_steps, 4 * units, shard))
        for size in (features + 1 + units for features in sizes)
    ]
    matrices = [
        [tf.constant(random.standard_normal(shape, np.float32)) for shape in each]
        for each in shapes
    ]

    def products(
        kernel: "tf.Tensor", inputs: "tf.Tensor", d_gates: "tf.Tensor"
    ) -> Iterator["tf.Tensor"]:
        """The products of one layer and one shard."""
        transposed_kernel = tf.transpose(kernel)
        inputs, d_gates = tf.unstack(inputs), tf.unstack(d_gates)
        for step_inputs, step_d_gates in zip(inputs, d_gates, strict=True):
            yield transposed_kernel @ step_inputs
            yield kernel[-units:] @ step_d_gates
        for t in range(0, time_steps, STEPS_PER_PRODUCT):
            several = slice(t, t + STEPS_PER_PRODUCT)
            factors = (tf.concat(each[several], axis=1) for each in (inputs, d_gates))
            yield tf.matmul(*factors, transpose_b=True)

    @tf.function
    def step(matrices: list[list["tf.Tensor"]]) -> "tf.Tensor":
        # One element of each product: TensorFlow prunes operations that no result depends on.
        return tf.add_n([product[0, 0] for each in matrices for product in products(*each)])

    def train() -> None:
        for _ in range(len(images) // settings["batch_size"]):
            step(matrices)

    return Workload(train, lambda batch_size: None, lambda: step(matrices))
