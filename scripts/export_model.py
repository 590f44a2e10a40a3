"""Export a trained network for use without this repository; --output's suffix selects the format.

.html         a page to draw in, which works offline in any browser
.npz          every variable as a NumPy array
.savedmodel   a folder with a TensorFlow SavedModel
.tflite       a LiteRT file
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.flags import FlagParser
from tf_lstm.terminal.progress import short_path
from tf_lstm.terminal.startup import import_tensorflow


def parse_flags() -> argparse.Namespace:
    """Parse the command line; `output` is None for a page beside the run's folder."""
    parser = FlagParser(__doc__)
    parser.add_run()
    parser.add_output(
        None, ".html", ".npz", ".savedmodel", ".tflite", shown="RUN.html beside the run's folder"
    )
    return parser.parse_args()


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    from tf_lstm.commands.export import export
    from tf_lstm.runs.locate import open_trained_run

    path = export(open_trained_run(flags.run), flags.output)
    print(f"exported: {short_path(path)}")


if __name__ == "__main__":
    run_script(main)
