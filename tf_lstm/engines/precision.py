"""Whether this machine supports a precision, in a sentence for the user."""

from pathlib import Path

import tensorflow as tf

PROCESSOR_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86, x86, ARM; as Linux names them
# NVIDIA's GPUs have bfloat16 and TensorFloat-32 from this compute capability on.
FIRST_GPU = (8, 0)


def describe_precision(precision: str, processor_info: Path = Path("/proc/cpuinfo")) -> str:
    """A note if matrix products are less precise than the name says, or emulated; else "".

    Args:
        precision: "float32" or "mixed_bfloat16".
        processor_info: Linux's description of the processor; without it there is no note.
    """
    gpus = tf.config.get_visible_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        modern = details.get("compute_capability", FIRST_GPU) >= FIRST_GPU
        tensor_float = tf.config.experimental.tensor_float_32_execution_enabled()
        if precision == "float32" and modern and tensor_float:
            return "float32 matrix products use TensorFloat-32 on this GPU, with a 10-bit mantissa"
    else:
        words = set(processor_info.read_text().split()) if processor_info.exists() else set()
        modern = not words or bool(words & PROCESSOR_FLAGS)
    if precision == "mixed_bfloat16" and not modern:
        return "this machine only emulates bfloat16: --precision float32 is faster here"
    return ""
