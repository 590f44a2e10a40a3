"""Draw a digit with the mouse and see how a trained network's prediction forms, live."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.command_line import FlagParser, run_script


def parse_flags():
    parser = FlagParser(__doc__)
    parser.flag("--run", "the newest", "folder of the run whose network to use", metavar="FOLDER")
    return parser.parse_args()


def main():
    flags = parse_flags()

    from tf_lstm.drawing_pad import ADVICE, open_drawing_pad
    from tf_lstm.figures import require_display

    require_display(ADVICE)  # before the seconds that TensorFlow takes

    from tf_lstm.startup import import_tensorflow

    import_tensorflow()
    from tf_lstm.evaluation import row_predictions
    from tf_lstm.runs import open_run

    run = open_run(flags.run)
    run.require_rows()
    open_drawing_pad(partial(row_predictions, run.best_model()))


if __name__ == "__main__":
    run_script(main)
