"""What the README says: its links, its flags, its commands and its figures."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tf_lstm.drawn_digits import draw_digits

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\[([^\]]*)\]\(([^)]+)\)", README)
FENCED = re.findall(r"```sh\n(.*?)```", README, re.S)
INLINE = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", README, flags=re.S))
# In the order of the README, each once; a line may break within a command.
COMMANDS = [
    " ".join(command.split())
    for text in FENCED + INLINE
    for command in re.findall(r"python (scripts/[^&`]+?)(?=\n[A-Z]| &&|$)", text.strip())
]
COMMANDS = list(dict.fromkeys(COMMANDS))


@pytest.mark.parametrize("target", sorted({target for _, target in LINKS}))
def test_links_lead_somewhere(target):
    path, _, line = target.partition("#L")
    assert (REPOSITORY / path).exists()
    if line:
        assert 0 < int(line) <= len((REPOSITORY / path).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("name, target", [link for link in LINKS if "#L" in link[1]])
def test_a_link_to_a_line_shows_what_it_names(name, target):
    path, _, number = target.partition("#L")
    line = (REPOSITORY / path).read_text(encoding="utf-8").splitlines()[int(number) - 1]
    assert name.strip("`").split(".")[-1] in line


def test_the_readme_names_commands():
    assert {"scripts/train_mnist.py", "scripts/plot_row_predictions.py"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood_by_its_script(command, monkeypatch):
    script, *flags = shlex.split(command)
    monkeypatch.setattr(sys, "argv", [script, *flags])
    monkeypatch.syspath_prepend(REPOSITORY / "scripts")  # as Python does for a script
    names = runpy.run_path(str(REPOSITORY / script))
    names["parse_flags"]()  # exits with status 2 for a flag or value that it does not know


@pytest.mark.slow
def test_commands_run_as_written(tmp_path):
    """All but those that take long, or need a display, an interrupted run or a second worker."""
    others = "benchmark|reproduce|make_figures|alphabet|draw_digit|multi-worker|--resume"
    for folder in ("tf_lstm", "scripts"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    parts = {"train": draw_digits(45, seed=1), "test": draw_digits(31, seed=2)}
    arrays = {f"{'xy'[i]}_{part}": parts[part][i] for part in parts for i in (0, 1)}
    np.savez(tmp_path / "digits.npz", **arrays)
    environment = os.environ | {"MNIST_DIR": str(tmp_path / "digits.npz")}
    for command in COMMANDS:
        if re.search(others, command):
            continue
        for name in ("default", "basic", "early"):
            for folder in tmp_path.glob(f"runs/{name}-*"):
                command = re.sub(rf"runs/({name}-…|NAME)", f"runs/{folder.name}", command)
        arguments = [sys.executable, *shlex.split(command)]
        result = subprocess.run(
            arguments, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (result.returncode, result.stderr) == (0, ""), command


def test_every_flag_exists():
    defined = "".join(path.read_text() for path in (REPOSITORY / "scripts").glob("*.py"))
    for flag in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)):
        assert f'"{flag}"' in defined or flag[2:].replace("-", "_") in defined, flag


def test_one_command_makes_every_figure_but_those_of_results():
    steps = runpy.run_path(str(REPOSITORY / "scripts" / "make_figures.py"))["STEPS"]
    made = " ".join(command for _, command in steps)
    made += " row_predictions.png row_predictions.gif row_depth.png row_summary.png"  # defaults
    figures = {Path(target).name for _, target in LINKS if target.startswith("figures/row")}
    figures |= {Path(target).name for _, target in LINKS if target.endswith(("png", "gif"))}
    for name in figures - {"row_summary", "results.png"}:
        assert name in made, name


def test_tables_of_figures_stand_in_files_that_a_command_makes():
    benchmark, seconds_to_accuracy, workers, results = (
        (REPOSITORY / "figures" / name).read_text(encoding="utf-8")
        for name in ("benchmark.md", "benchmark_accuracy.md", "benchmark_workers.md", "results.md")
    )
    for line in README.splitlines():
        if re.match(r"\| this project, |\| (Keras|PyTorch|JAX)", line):
            assert line in benchmark + seconds_to_accuracy, line
    for line in (workers + results).splitlines():
        assert line in README, line
