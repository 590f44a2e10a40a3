"""Make the notebooks from the scripts that have cells, and run them to save their outputs too.

The scripts are the source: change them, and run this. It needs the packages in
tests/requirements.txt.
"""

import importlib.util
import re
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_text_atomically
from tf_lstm.terminal.flags import FlagParser
from tf_lstm.terminal.progress import short_path
from tf_lstm.terminal.startup import quiet_libraries

SCRIPTS = Path(__file__).resolve().parent
PAGES = ("tutorial", "inside_the_lstm")
SECONDS = 1200  # the longest that a cell may take


class Cell(NamedTuple):
    """A cell of a notebook."""

    kind: str  # "markdown" or "code"
    text: str


def cells_of(script: str) -> list[Cell]:
    """The cells of a script: its docstring as text, then text and code for each `# %%`."""
    docstring, *parts = re.split(r"^# %% ", script, flags=re.M)
    title, _, rest = docstring.strip().strip('"').partition("\n")
    cells = [Cell("markdown", f"# {title.rstrip('.')}\n{rest}".strip())]
    for part in parts:
        lines = part.strip().splitlines()
        # The comment goes on in the next lines.
        end = next((at for at, line in enumerate(lines) if at and not line.startswith("# ")), None)
        text = " ".join([lines[0], *(line.removeprefix("# ") for line in lines[1:end])])
        cells += [Cell("markdown", as_heading(text)), Cell("code", "\n".join(lines[end:]).strip())]
    return cells


def as_heading(text: str) -> str:
    """Markdown with the words before the first colon or full stop as the heading."""
    heading, *rest = re.split(r"[:.] ", text, maxsplit=1)
    return "\n\n".join([f"## {heading}", *(f"{each[0].upper()}{each[1:]}." for each in rest)])


def make_notebook(page: str) -> str:
    """The JSON text of the notebook of a script, with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    new = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    for number, (kind, text) in enumerate(cells_of((SCRIPTS / f"{page}.py").read_text("utf-8"))):
        notebook.cells.append(new[kind](text, id=str(number)))  # the same names each time
    folder = {"metadata": {"path": str(SCRIPTS)}}
    with quiet_libraries(show_if_failed=True):  # the kernel's start-up messages
        NotebookClient(notebook, timeout=SECONDS, resources=folder).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the times of the cells
        if cell.cell_type == "code":  # without TensorFlow's messages about the machine
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    return nbformat.writes(notebook) + "\n"


def main() -> None:
    parser = FlagParser(__doc__)
    parser.flag("--page", "the script to make a notebook of", PAGES, shown="all", nargs="+",
                choices=PAGES)  # fmt: skip
    flags = parser.parse_args()
    if missing := [
        name for name in ("nbformat", "nbclient", "ipykernel") if not importlib.util.find_spec(name)
    ]:
        raise UserError(
            f"{', '.join(missing)} is missing: run `pip install -r tests/requirements.txt`."
        )
    for page in flags.page:
        path = SCRIPTS / f"{page}.ipynb"
        write_text_atomically(path, make_notebook(page))
        print(f"notebook {short_path(path)}", flush=True)


if __name__ == "__main__":
    run_script(main)
