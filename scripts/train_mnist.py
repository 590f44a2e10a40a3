"""Train an LSTM to read handwritten digits row by row."""

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.engines.cluster import is_chief
from tf_lstm.runs.flags import parse_flags
from tf_lstm.runs.locate import open_run
from tf_lstm.runs.run import Run, script_command
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.progress import describe_classes, short_path
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing these at run time would import TensorFlow before the flags are parsed
    from tf_lstm.data.dataset import Dataset
    from tf_lstm.evaluation import Evaluation


def print_result(quiet: bool, run: Run, dataset: "Dataset", test: "Evaluation") -> None:
    """Print the loss and the accuracy on the test images, overall and for each class."""
    print(
        f"\n{dataset.name}, {test.count:,} test images: loss {test.loss:.4f}, "
        f"accuracy {100 * test.accuracy:.2f} %",
        flush=True,
    )
    if not quiet:
        print(f"{describe_classes(test.accuracy_per_class, dataset.class_names)}\n", flush=True)


def train(flags: argparse.Namespace) -> Run:
    """Train the run that the flags describe, or resume the one that they name."""
    resumed = open_run(flags.resume or None).settings if flags.resume is not None else None
    device = flags.device or (resumed.device if resumed else None)
    if not is_chief(resumed.strategy if resumed else flags.strategy or "none"):
        sys.stdout = open(os.devnull, "w")  # only the first of several workers prints
    import_tensorflow(device)
    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.runs.training import resume_run, train_run

    options = {"quiet": flags.quiet, "report": partial(print_result, flags.quiet)}
    if flags.resume is not None:
        return resume_run(flags.resume or None, flags.data, **options)
    recipe = flags.recipe_settings
    return train_run(
        partial(load_dataset, flags.data, recipe.validation),
        recipe,
        flags.run,
        seed=flags.seed or 0,
        engine=flags.engine or "cell",
        precision=flags.precision or "float32",
        strategy=flags.strategy or "none",
        replicas=flags.replicas,
        device=device,
        initial_weights=flags.initial_weights,
        overwrite=flags.overwrite,
        **options,
    )


def main() -> None:
    started = time.monotonic()
    flags = parse_flags(__doc__)
    run = train(flags)
    print(f"took {time.monotonic() - started:.1f} s, saved in {short_path(run.folder)}")
    named = f" --run {run.quoted}" if flags.run or flags.resume else ""
    print(f"next     {script_command('plot_row_predictions.py')}{named}", flush=True)


if __name__ == "__main__":
    run_script(main)
