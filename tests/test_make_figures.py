"""make_figures.py runs its commands in turn, and continues where it was interrupted."""

import signal
import sys
from pathlib import Path

import pytest
from saved_runs import write_digits

from tf_lstm.terminal.errors import Interrupted, UserError

REPOSITORY = Path(__file__).resolve().parents[1]
SHOW_DATA = "import os, sys; print(sys.argv[1], os.environ['MNIST_DIR'], flush=True)"
COMMANDS = {
    "works.py": SHOW_DATA,
    "fails.py": "raise SystemExit(3)",
    "stops.py": f"import os; os.kill(os.getpid(), {signal.SIGTERM:d})",
}


@pytest.fixture
def make_figures(tmp_path, monkeypatch):
    """The script as a module, with commands of ours in a repository of ours."""
    monkeypatch.syspath_prepend(REPOSITORY / "scripts")
    import make_figures

    monkeypatch.setattr(make_figures, "REPOSITORY", tmp_path)
    (tmp_path / "scripts").mkdir()
    for name, text in COMMANDS.items():
        (tmp_path / "scripts" / name).write_text(text)
    data = write_digits(tmp_path / "digits.npz", 60, test_count=9)
    monkeypatch.setattr(sys, "argv", ["make_figures.py", "--data", str(data)])
    return make_figures


def test_every_command_has_the_same_data(make_figures, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(make_figures, "STEPS", [(0.1, "works.py one"), (0.2, "works.py two")])
    make_figures.main()
    lines = capfd.readouterr().out.splitlines()
    assert [line for line in lines if "digits.npz" in line] == [
        f"{name} {tmp_path / 'digits.npz'}" for name in ("one", "two")
    ]


@pytest.mark.parametrize("script, kind", [("fails.py", UserError), ("stops.py", Interrupted)])
def test_a_command_that_ends_early_can_be_continued(script, kind, make_figures, monkeypatch, capfd):
    steps = [(0.1, "works.py one"), (0.2, script), (0.3, "works.py three")]
    monkeypatch.setattr(make_figures, "STEPS", steps)
    with pytest.raises(kind, match="--first 2"):
        make_figures.main()
    monkeypatch.setattr(make_figures, "STEPS", [steps[0], (0.2, "works.py two"), steps[2]])
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--first", "2"])
    capfd.readouterr()
    make_figures.main()
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "digits.npz" in line] == ["two", "three"]


@pytest.mark.parametrize(
    "files, continued",
    [
        ((), False),
        (("settings.json",), True),
        (("settings.json", "test_result.json"), False),  # finished: trained again
    ],
)
def test_an_interrupted_training_is_resumed(files, continued, make_figures, tmp_path):
    folder = tmp_path / "runs" / "figures" / "early"
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).touch()
    arguments = ["--recipe", "early", "--run", "runs/figures/early", "--overwrite"]
    resume = ["--resume", "runs/figures/early", "--data", "digits.npz"]
    assert make_figures.resumed(arguments, "digits.npz") == (resume if continued else arguments)
    plot = ["--run", "runs/figures/early"]
    assert make_figures.resumed(plot, "digits.npz") == plot
