"""Imports run downwards only, and the main path stays free of everything else."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from worker_processes import finish, start

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "tf_lstm"
# From the lowest to the highest; a module imports from its own group and from those before it.
GROUPS = (
    ("terminal",),
    ("field_checks", "settings", "published_systems", "recipes", "rows", "seeds"),
    ("data",),
    (
        *(
            "initializers",
            "cells",
            "cell_variants",
            "recurrence",
            "model",
            "optimizer",
            "train_step",
        ),
        *("train_loop", "evaluation", "inside"),
    ),
    ("engines",),
    ("plots",),
    ("runs",),
    ("results",),
    ("alphabet", "export"),
    ("commands",),
)
RANKS = {room: rank for rank, rooms in enumerate(GROUPS) for room in rooms}
MAIN_PATH = ("cells", "recurrence", "model", "train_step", "train_loop", "evaluation")
NOT_ON_MAIN_PATH = (
    r"\b(replica|strateg|shard|signal|lock|checkpoint|padd?ing|pad_|fold(ed)?\b|terminal|stdout|"
    r"stderr)\w*"
)


def is_for_type_checkers(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imported_modules(node):
    """The modules of `tf_lstm` that a file imports, anywhere but for type checkers only."""
    if is_for_type_checkers(node):
        return set()
    if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tf_lstm"):
        names = {f"{node.module}.{alias.name}" for alias in node.names}
        return {name if find_file(name) else node.module for name in names}
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names if alias.name.startswith("tf_lstm.")}
    return set().union(*map(imported_modules, ast.iter_child_nodes(node)))


def find_file(module):
    path = REPOSITORY / module.replace(".", "/")
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists()), None)


MODULES = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}
IMPORTS = {name: imported_modules(ast.parse(path.read_text())) for name, path in MODULES.items()}


def room(module):
    return module.split(".")[1]


def test_every_module_has_a_place_in_the_order():
    assert {room(module) for module in MODULES} <= set(RANKS)


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_upwards(module):
    for imported in IMPORTS[module] - {"tf_lstm"}:
        assert RANKS[room(imported)] <= RANKS[room(module)], f"{module} imports {imported}"


def test_imports_form_no_circle():
    list(TopologicalSorter(IMPORTS).static_order())  # raises a CycleError


def test_the_terminal_is_a_leaf():
    for module in MODULES:
        if room(module) == "terminal":
            assert {room(imported) for imported in IMPORTS[module]} <= {"terminal"}, module


def loaded_modules(*modules):
    """The names of all modules that a fresh process without matplotlib loads with these."""
    # Keras loads matplotlib if it can. None makes every import of it fail.
    program = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
sys.modules["matplotlib"] = None
import {", ".join(modules)}
print(*sys.modules)
"""
    return set(finish(start(["-c", program]))[0].split())


def test_the_main_path_needs_no_other_room_and_no_matplotlib():
    loaded = loaded_modules(*(f"tf_lstm.{module}" for module in MAIN_PATH))
    assert {"tf_lstm.evaluation", "tensorflow"} <= loaded
    rooms = {room(name) for name in loaded if name.startswith("tf_lstm.")}
    assert rooms <= {*GROUPS[1], *GROUPS[2], *GROUPS[3], "terminal"}
    # Of the terminal, only the error that the readers of data raise.
    terminal = {name for name in loaded if name.startswith("tf_lstm.terminal.")}
    assert terminal <= {"tf_lstm.terminal.errors", "tf_lstm.terminal.files"}


def test_tensorflow_starts_without_matplotlib_which_works_afterwards():
    program = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from tf_lstm.terminal.startup import import_tensorflow
import_tensorflow()
print("matplotlib" in sys.modules)
import matplotlib.pyplot
import_tensorflow()
print("matplotlib" in sys.modules)
"""
    assert finish(start(["-c", program]))[0].split() == ["False", "True"]


def test_seeds_load_nothing_else():
    ours = {name for name in loaded_modules("tf_lstm.seeds") if name.startswith("tf_lstm")}
    assert ours == {"tf_lstm", "tf_lstm.seeds"}


def test_the_flags_of_train_mnist_load_no_tensorflow():
    loaded = loaded_modules("tf_lstm.runs.flags", "tf_lstm.terminal.exit", "tf_lstm.recipes")
    assert "tensorflow" not in loaded


@pytest.mark.parametrize("module", MAIN_PATH)
def test_the_main_path_does_not_mention_what_it_leaves_to_others(module):
    text = (PACKAGE / f"{module}.py").read_text()
    assert not [match.group(0) for match in re.finditer(NOT_ON_MAIN_PATH, text, re.I)]
