"""What the pages say: their links, flags, commands and figures."""

import inspect
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
from PIL import Image

from tf_lstm.data.synthetic import render_digits

REPOSITORY = Path(__file__).resolve().parents[1]
FIGURES = REPOSITORY / "figures"
GALLERY = FIGURES / "gallery"
FOLDERS = (".", "tf_lstm", "tf_lstm/export", "scripts", "figures", "tests")
PAGES = {  # by folder: its README and its other pages, one after the other
    folder: "\n".join(
        page.read_text(encoding="utf-8") for page in sorted((REPOSITORY / folder).glob("*.md"))
    )
    for folder in FOLDERS
    if (REPOSITORY / folder / "README.md").exists()
}
WITHOUT_CODE = {
    folder: re.sub(r"```.*?```", "", page, flags=re.S) for folder, page in PAGES.items()
}
LINKS = sorted(
    {
        (folder, name, target)
        for folder, page in WITHOUT_CODE.items()
        for name, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", page)
        if not target.startswith("https://")
    }
)


def find_commands():
    """(environment, script, flags) of every command, in the order of the pages, each once."""
    lines = []
    for folder, page in PAGES.items():
        for block in re.findall(r"```sh\n(.*?)```", page, re.S):
            lines += [part for line in block.splitlines() for part in line.split("&&")]
        # A line may break within a command.
        lines += [" ".join(c.split()) for c in re.findall(r"`([^`]+)`", WITHOUT_CODE[folder])]
    found = {}
    for line in lines:
        if match := re.match(r"\s*(\w+=.*)?\S*python (scripts/\S+\.py.*)", line):
            environment, command = match.groups()
            script, *flags = shlex.split(command)
            found[command.strip()] = (shlex.split(environment or ""), script, flags)
    return found


COMMANDS = find_commands()


def path_of(folder, target):
    return (REPOSITORY / folder / target.partition("#")[0]).resolve()


def slug(heading):
    """The anchor that code hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_has_its_page(folder):
    assert folder in PAGES


@pytest.mark.parametrize("folder, name, target", LINKS)
def test_links_and_anchors_lead_somewhere(folder, name, target):
    path, anchor = path_of(folder, target), target.partition("#")[2]
    if not target.startswith("#"):
        assert path.exists()
    if anchor:
        page = PAGES[folder] if target.startswith("#") else path.read_text(encoding="utf-8")
        headings = re.sub(r"```.*?```", "", page, flags=re.S)
        assert anchor in map(slug, re.findall(r"^#+ (.*)", headings, re.M))


@pytest.mark.parametrize(
    "folder, name, target", [link for link in LINKS if link[2].endswith(".py") and "`" in link[1]]
)
def test_a_link_to_a_file_names_what_is_in_it(folder, name, target):
    name = name.strip("`").removesuffix("()")
    if not name.endswith(".py"):
        code = path_of(folder, target).read_text(encoding="utf-8")
        assert re.search(rf"\b{re.escape(name.split('.')[-1])}\b", code)


def test_the_pages_name_the_commands():
    scripts = {script for _, script, _ in COMMANDS.values()}
    existing = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "scripts").rglob("*.py")
        if "__main__" in path.read_text(encoding="utf-8") or path.name == "tutorial.py"
    }
    assert scripts == existing - {"scripts/benchmarks/systems.py"}  # epoch.py starts it


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood_by_its_script(command, monkeypatch):
    environment, script, flags = COMMANDS[command]
    path = REPOSITORY / script
    if "parse_flags" not in path.read_text(encoding="utf-8"):
        assert not flags
        return
    for variable in environment:
        monkeypatch.setenv(*variable.split("=", 1))
    monkeypatch.setattr(sys, "argv", [script, *flags])
    monkeypatch.syspath_prepend(path.parent)  # as Python does for a script
    parse_flags = runpy.run_path(str(path))["parse_flags"]
    description = [None] * len(inspect.signature(parse_flags).parameters)
    parse_flags(*description)  # exits with status 2 for a flag or value that it does not know


@pytest.mark.slow
def test_commands_run_as_written(tmp_path):
    """All but those that take long, or need a display, an interrupted run or a second worker."""
    others = "benchmark|reproduce|make_figures|alphabet|draw_digit|tutorial|multi-worker|--resume"
    for folder in ("tf_lstm", "scripts", "figures"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    (x_train, y_train), (x_test, y_test) = render_digits(600, seed=1), render_digits(31, seed=2)
    data = tmp_path / "mnist.npz"
    np.savez(data, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    Image.fromarray(255 - x_test[0]).resize((280, 280)).save(tmp_path / "my_digit.png")
    (tmp_path / "figures" / "gallery" / "reference_by_row.csv").write_text(
        "data,rows,width,parameters,seed,epochs,best_epoch,validation_accuracy,test_accuracy\n"
        "mnist.npz (not MNIST),14,8,100,0,12,9,0.5,0.5\n"
    )
    environment = os.environ | {"HOME": str(tmp_path), "MNIST_DIR": str(data)}

    def run(script, flags):
        for place, flag in enumerate(flags):
            if match := re.fullmatch(r"runs/([a-z0-9-]+)-…", flag):
                runs = tmp_path.glob(f"runs/{match[1]}-20[0-9][0-9][0-9]*/settings.json")
                flags[place] = str(max(runs).parent)
            if re.fullmatch("mnist|synthetic.*", flag) and flags[place - 1] == "--data":
                return  # needs a network, or takes long
            if flag == "runs/NAME":
                flags[place] = str(sorted(tmp_path.glob("runs/basic-*"))[-1])
        program = [sys.executable, script, *flags]
        result = subprocess.run(
            program, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (result.returncode, result.stderr) == (0, ""), program

    commands = [item for command, item in COMMANDS.items() if not re.search(others, command)]
    trainings = [flags for _, script, flags in commands if script == "scripts/train_mnist.py"]
    # Trainings first, the default last: it is then the newest run.
    for flags in sorted(trainings, key=len, reverse=True):
        run("scripts/train_mnist.py", flags)
    for _, script, flags in commands:
        if script != "scripts/train_mnist.py":
            run(script, flags)


def test_every_flag_exists():
    paths = [*(REPOSITORY / "scripts").rglob("*.py"), *(REPOSITORY / "tf_lstm").rglob("flags.py")]
    paths.append(REPOSITORY / "tests" / "conftest.py")
    defined = "".join(path.read_text(encoding="utf-8") for path in paths)
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "".join(PAGES.values())))
    for flag in flags - {"--help"}:
        assert f'"{flag}"' in defined or f'"{flag[2:].replace("-", "_")}"' in defined, flag


def test_every_figure_is_shown_and_made_by_a_command():
    steps = runpy.run_path(str(REPOSITORY / "scripts" / "make_figures.py"))["STEPS"]
    made = " ".join(command for _, command in steps)
    made += " lstm_cell.png"  # drawn by make_figures.py itself
    made += " cells.png gradients_through_time.png"  # by benchmarks: their trainings take long
    made += " tutorial.png results.png"  # written without --output: the latter beside results.csv
    shown = {
        path_of(folder, target)
        for folder, _, target in LINKS
        if target.endswith(("png", "gif", "svg"))
    }
    for path in shown:
        assert path.name in made, path
    shown.add(GALLERY / "results_synthetic.png")  # not kept: one line, which the page has in words
    assert {path for path in GALLERY.iterdir() if path.suffix in (".png", ".gif")} <= shown


def test_generated_tables_are_linked_and_not_copied():
    tables = [*GALLERY.glob("*.md")]
    linked = {path_of("figures", target) for folder, _, target in LINKS if folder == "figures"}
    assert set(tables) <= linked
    lines = {line for page in PAGES.values() for line in page.splitlines()}
    for table in tables:
        for line in table.read_text(encoding="utf-8").splitlines():
            assert not (line.startswith("| ") and line in lines), line
