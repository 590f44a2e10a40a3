"""What the benchmarks say about the machine."""

import importlib.util
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

from tf_lstm.terminal.startup import cores

INSTRUCTIONS = {"amx_bf16": "AMX-BF16", "avx512_bf16": "AVX512-BF16"}  # Linux's names


def describe_processor() -> str:
    """The processor's name, and its instructions for bfloat16 products if the system lists them."""
    file = Path("/proc/cpuinfo")
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    name = re.search(r"^model name\s*: (.+)$", text, re.M)
    flags = re.search(r"^flags\s*: (.+)$", text, re.M)
    listed = flags[1].split() if flags else []
    known = [shown for flag, shown in INSTRUCTIONS.items() if flag in listed]
    processor = name[1] if name else platform.processor() or platform.machine()
    return f"{processor} with {' and '.join(known)}" if known else processor


def describe_machine() -> str:
    """The processor, its cores, and versions, in one line."""
    packages = filter(importlib.util.find_spec, ("tensorflow", "keras", "numpy", "torch"))
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    python = sys.version.split()[0]
    return f"{describe_processor()}, {cores()} cores; Python {python}, {versions}"
