"""The solutions of the exercises, run on a few digits."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from saved_runs import write_digits

from tf_lstm.alphabet import framings
from tf_lstm.runs import training
from tf_lstm.settings import Recipe

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "tf_lstm" / "EXERCISES.md").read_text(encoding="utf-8")
PREPARATION, *EXERCISES = re.split(r"^## ", PAGE, flags=re.M)


def code(text):
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Data, and a folder with a run on it that misclassifies some digits."""
    folder = tmp_path_factory.mktemp("exercises")
    data = write_digits(folder / "digits.npz", 120)
    recipe = Recipe(units=5, epochs=1)
    training.train_run(training.load_dataset(data), recipe, folder / "run", quiet=True)
    return data, folder / "run"


@pytest.fixture
def workplace(trained, runs_folder, tmp_path, monkeypatch):
    """A folder to work in, in which the run is the newest one."""
    data, run = trained
    monkeypatch.setenv("MNIST_DIR", str(data))
    shutil.copytree(run, runs_folder / "run")
    (runs_folder / "latest").write_text("run\n")
    for folder in ("figures", "tests"):
        (tmp_path / folder).mkdir()
    shutil.copy(REPOSITORY / "tests" / "peephole.py", tmp_path / "tests")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(framings, "TRAINED_STRINGS", 20)
    monkeypatch.setattr(framings, "HELD_OUT_STRINGS", 10)
    monkeypatch.setattr(sys, "path", [*sys.path])  # a solution adds to it
    return tmp_path


def test_there_are_eight_each_with_what_to_see_and_a_solution():
    assert len(EXERCISES) == 8
    for exercise in EXERCISES:
        assert "**What you should see:**" in exercise
        assert code(exercise.partition("<summary>Solution</summary>")[2])


TRAINS = ("3. ", "7. ")  # more than one network


def slow_if_it_trains(exercise):
    return pytest.param(exercise, marks=pytest.mark.slow if exercise.startswith(TRAINS) else ())


@pytest.mark.parametrize(
    "exercise", [*map(slow_if_it_trains, EXERCISES)], ids=lambda text: text.splitlines()[0]
)
def test_a_solution_runs(exercise, workplace, capsys):
    exec(code(PREPARATION) + code(exercise), {})
    assert capsys.readouterr().out
