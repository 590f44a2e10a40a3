"""Counts the operations of training, to compare measured times with what the machine can do."""


def count_operations(units: int, layers: int, time_steps: int) -> int:
    """Floating-point operations to train on one image, with the input projection folded.

    Each entry of a matrix costs a multiplication and an addition in each of three products: the
    forward pass, the gradient of the matrix, and the gradient of its input. The first layer's input
    is data and needs no gradient.
    """
    features = 784 // time_steps
    first_inputs = 2 * features * 4 * units
    other_inputs = 3 * units * 4 * units * (layers - 1)
    recurrent = 3 * units * 4 * units * layers
    return 2 * (time_steps * (first_inputs + other_inputs + recurrent) + 3 * units * 10)
