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

from tf_lstm.terminal.errors import UserError
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
    from tf_lstm.export.archive import save_archive
    from tf_lstm.export.page import save_page
    from tf_lstm.export.saved_model import save_litert, save_saved_model
    from tf_lstm.runs.locate import open_run

    run = open_run(flags.run)
    if not run.is_finished:
        raise UserError(
            f"{run.folder} is not finished: continue its training with --resume, or choose another "
            "run."
        )
    path = flags.output or run.folder.with_name(f"{run.folder.name}.html")
    suffix, model = path.suffix.lower(), run.best_model()
    if suffix == ".html":
        run.require_rows()
        title = f"{run.folder.name}, {run.settings['data']['name']}"
        save_page(model, path, title, run.class_names)
    else:
        save = {".npz": save_archive, ".savedmodel": save_saved_model, ".tflite": save_litert}
        save[suffix](model, path)
    print(f"{run.folder.name} exported: {short_path(path)}")


if __name__ == "__main__":
    run_script(main)
