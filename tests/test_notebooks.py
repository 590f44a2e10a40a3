"""The notebooks are those of the scripts; their cells run, also twice and without the package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from saved_runs import write_digits

from tf_lstm.data.synthetic import render_digits

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = REPOSITORY / "scripts"
sys.path.insert(0, str(SCRIPTS))

from make_notebooks import PAGES, Cell, cells_of

ALONE = """
import runpy, sys
import numpy as np, tensorflow as tf
arrays = np.load("digits.npz")
train, test = [(arrays[f"x_{name}"], arrays[f"y_{name}"]) for name in ("train", "test")]
tf.keras.datasets.mnist.load_data = lambda: (train, test)
names = runpy.run_path("tutorial.py")
print("images:", len(names["train_images"]))
"""


def read_notebook(page):
    return nbformat.reads((SCRIPTS / f"{page}.ipynb").read_text("utf-8"), as_version=4)


@pytest.mark.parametrize("page", PAGES)
def test_a_notebook_has_the_cells_of_its_script_and_their_outputs(page):
    cells = read_notebook(page).cells
    source = (SCRIPTS / f"{page}.py").read_text("utf-8")
    assert [Cell(cell.cell_type, cell.source) for cell in cells] == cells_of(source)
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    printed = "".join(output.get("text", "") for output in outputs)
    assert "MNIST" in printed and not any(o.output_type == "error" for o in outputs)


def test_a_script_is_divided_at_its_headings():
    script = (
        '"""A title.\n\nMore.\n"""\n\n# %% One: and\n# the rest\nx = 1\n# why\n\n# %% Two\ny = 2\n'
    )
    assert cells_of(script) == [
        Cell("markdown", "# A title\n\nMore."),
        Cell("markdown", "## One\n\nAnd the rest."),
        Cell("code", "x = 1\n# why"),
        Cell("markdown", "## Two"),
        Cell("code", "y = 2"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_cell_can_be_run_twice(page, tmp_path, monkeypatch):
    for part in ("tf_lstm", "scripts", "figures/gallery/default"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    monkeypatch.setenv("MNIST_DIR", str(write_digits(tmp_path / "digits.npz", 1500, 600)))
    notebook = read_notebook(page)
    notebook.cells = [
        nbformat.v4.new_code_cell(cell.source)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for _ in range(2)
    ]
    folder = {"metadata": {"path": str(tmp_path / "scripts")}}
    NotebookClient(notebook, timeout=600, resources=folder).execute()


@pytest.mark.slow
def test_the_tutorial_runs_without_the_package(tmp_path):
    shutil.copy(SCRIPTS / "tutorial.py", tmp_path)
    images, labels = render_digits(5600, seed=1)
    arrays = {"x_train": images, "y_train": labels.astype(np.uint8)}
    np.savez(tmp_path / "digits.npz", **arrays, x_test=images[:90], y_test=labels[:90])
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "images: 600" in done.stdout and (tmp_path / "figures" / "tutorial.png").exists()
