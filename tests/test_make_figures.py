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
    assert [line for line in lines if line.endswith("digits.npz")] == [
        f"{name} {tmp_path / 'digits.npz'}" for name in ("one", "two")
    ]


@pytest.mark.parametrize(
    "data, folder",
    [
        ("MNIST", "gallery"),
        ("clothes/ (not MNIST)", "clothes-not-MNIST"),
        ("synthetic digits, tested on MNIST", "synthetic-digits-tested-on-MNIST"),
    ],
)
def test_only_the_figures_of_mnist_go_to_the_gallery(data, folder, make_figures):
    assert make_figures.folder_name(data) == folder


def test_other_data_has_folders_of_its_own_and_no_reference_networks(
    make_figures, tmp_path, monkeypatch, capfd
):
    command = f"works.py FIGURES/a.png{make_figures.REFERENCES} --run RUNS/early"
    monkeypatch.setattr(make_figures, "STEPS", [(0.1, command)])
    make_figures.main()
    output = capfd.readouterr().out
    folder = "digits-npz-not-MNIST"
    assert f"works.py figures/{folder}/a.png --run runs/{folder}/early\n" in output
    assert "--reference" not in output and "reference networks" in output


def test_the_drawing_of_the_cell_is_written_without_a_command(make_figures, tmp_path, monkeypatch):
    monkeypatch.setattr(make_figures, "STEPS", [(0.1, "works.py one")])
    make_figures.main()
    assert (tmp_path / "figures" / "digits-npz-not-MNIST" / "lstm_cell.png").exists()


def test_the_tutorial_s_figure_is_copied(make_figures, tmp_path, monkeypatch):
    write = "open('figures/tutorial.png', 'w').write('a figure')"
    (tmp_path / "scripts" / "tutorial.py").write_text(write)
    (tmp_path / "figures").mkdir()
    monkeypatch.setattr(make_figures, "STEPS", [(0.1, "tutorial.py")])
    make_figures.main()
    copy = tmp_path / "figures" / "digits-npz-not-MNIST" / "tutorial.png"
    assert copy.read_text() == "a figure"


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
    ends = [line for line in lines if line.endswith("digits.npz")]
    assert [line.split()[0] for line in ends] == ["two", "three"]


@pytest.mark.parametrize(
    "files, continued",
    [
        ((), False),
        (("settings.json",), True),
        (("settings.json", "test_result.json"), False),  # finished: trained again
    ],
)
def test_an_interrupted_training_is_resumed(files, continued, make_figures, tmp_path):
    folder = tmp_path / "runs" / "gallery" / "early"
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).touch()
    arguments = ["--recipe", "early", "--run", "runs/gallery/early", "--overwrite"]
    resume = ["--resume", "runs/gallery/early", "--data", "digits.npz"]
    assert make_figures.resumed(arguments, "digits.npz") == (resume if continued else arguments)
    plot = ["--run", "runs/gallery/early"]
    assert make_figures.resumed(plot, "digits.npz") == plot
