"""Train an LSTM to read handwritten digits row by row."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.engines.cluster import is_chief
from tf_lstm.runs.flags import parse_flags
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.startup import import_tensorflow

if TYPE_CHECKING:  # importing these at run time would import TensorFlow before the flags are parsed
    from tf_lstm.runs.run import Run
    from tf_lstm.train_loop import EpochMetrics


def save_learning_curves(run: "Run", data: str, history: "list[EpochMetrics]") -> None:
    """Save the history as a figure in the run's folder."""
    # Not at the top: importing matplotlib and plotting take a second, and the accuracy comes first.
    from tf_lstm.plots.learning_curves import learning_curves_figure
    from tf_lstm.plots.style import save_figure

    figure = learning_curves_figure(history, f"{run.folder.name}, {data}")
    with run.writing():
        save_figure(figure, run.folder / "learning_curves.png")


def main() -> None:
    started = time.monotonic()
    flags = parse_flags(__doc__)
    import_tensorflow(flags.device)
    from tf_lstm.runs.session import Session
    from tf_lstm.runs.start import new_run, resume_run
    from tf_lstm.terminal.progress import describe_classes, short_path
    from tf_lstm.train_loop import train

    start = new_run if flags.resume is None else resume_run
    run, dataset, strategy = start(flags)
    if not is_chief(run.settings["strategy"]):
        sys.stdout = open(os.devnull, "w")  # only the first of several workers prints
    with run.locked():
        session = Session(run, dataset, flags.quiet, strategy)
        with session.resumable():
            train(session.trainer, dataset, session, session.history)
        test = session.test()
        print(
            f"\n{dataset.name}, {test.count:,} test images: loss {test.loss:.4f}, "
            f"accuracy {100 * test.accuracy:.2f} %",
            flush=True,
        )
        session.say(f"{describe_classes(test.accuracy_per_class, dataset.class_names)}\n")
        save_learning_curves(run, dataset.name, session.history)
        session.finish(test)
    print(f"took {time.monotonic() - started:.1f} s, saved in {short_path(run.folder)}")
    named = f" --run {short_path(run.folder)}" if flags.run or flags.resume else ""
    print(f"next     python scripts/plot_row_predictions.py{named}", flush=True)


if __name__ == "__main__":
    run_script(main)
