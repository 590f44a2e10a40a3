"""Draw a digit in the browser, and watch a trained network's prediction form.

The page is the one that export_model.py writes, beside the run's folder.
"""

import argparse
import os
import sys
import webbrowser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.flags import FlagParser
from tf_lstm.terminal.progress import short_path
from tf_lstm.terminal.startup import import_tensorflow


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.add_run()
    return parser.parse_args()


def open_in_browser(page: Path) -> bool:
    """Open a page in the browser; False if there is none that can show it."""
    # Without a display, `webbrowser` may find a text browser, which has no JavaScript.
    displays = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"}
    has_display = sys.platform in ("darwin", "win32") or displays & set(os.environ)
    return bool(has_display) and webbrowser.open(page.absolute().as_uri())


def main() -> None:
    flags = parse_flags()
    import_tensorflow()
    from tf_lstm.commands.export import export
    from tf_lstm.runs.locate import open_trained_run

    page = export(open_trained_run(flags.run))
    what = "opened in the browser" if open_in_browser(page) else "open this file in a browser"
    print(f"{what}: {short_path(page)}")


if __name__ == "__main__":
    run_script(main)
