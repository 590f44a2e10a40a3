"""Draw a digit with the mouse, and watch a trained network's prediction form."""

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.flags import FlagParser
from tf_lstm.terminal.startup import import_tensorflow


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.add_run()
    return parser.parse_args()


def main() -> None:
    flags = parse_flags()
    from tf_lstm.plots.drawing_pad import ADVICE, open_drawing_pad
    from tf_lstm.plots.style import require_display

    require_display(ADVICE)  # before TensorFlow's import, which takes seconds
    import_tensorflow()
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.runs.locate import open_run

    run = open_run(flags.run)
    run.require_rows()
    open_drawing_pad(partial(row_predictions, run.best_model()), run.class_names)


if __name__ == "__main__":
    run_script(main)
