"""What the README says: its links, its flags, its commands and its figures."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\[([^\]]*)\]\(([^)]+)\)", README)
COMMANDS = sorted(
    {
        command.strip()
        for text in re.findall(r"```sh\n(.*?)```", README, re.S) + re.findall(r"`([^`]+)`", README)
        for command in re.findall(r"python (scripts/[^\n&;`]+)", text)
    }
)


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
    names = runpy.run_path(str(REPOSITORY / script))
    names["parse_flags"]()  # exits with status 2 for a flag or value that it does not know


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
