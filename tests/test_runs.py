"""A run's folder: made once, read again whole."""

import json

import numpy as np
import pytest

from tf_lstm import runs
from tf_lstm.data import Dataset, Split
from tf_lstm.drawn_digits import draw_digits
from tf_lstm.errors import UserError
from tf_lstm.recipes import BASIC
from tf_lstm.runs import create_run, open_run

IMAGES, LABELS = draw_digits(3, seed=1)
DATASET = Dataset("toy", "nowhere", "abc", *[Split(IMAGES, LABELS)] * 3)


@pytest.fixture(autouse=True)
def runs_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(runs, "LATEST", tmp_path / "runs" / "latest")


def new_run(folder=None):
    return create_run(folder, BASIC, 7, DATASET, engine="cell", shards=2)


def test_settings_hold_every_value_the_data_and_the_versions():
    settings = json.loads((new_run().folder / "settings.json").read_text())
    assert settings["recipe"]["batch_size"] == 100 and settings["seed"] == 7
    assert settings["data"] | {"checksum": "abc", "source": "nowhere"} == settings["data"]
    assert set(settings["versions"]) == {"python", "tensorflow", "keras", "numpy"}


def test_a_run_is_read_again_from_its_folder(tmp_path):
    made = new_run(tmp_path / "here")
    read = open_run(tmp_path / "here")
    assert read.recipe == made.recipe == BASIC
    assert read.settings == made.settings


def test_latest_names_the_newest_run(tmp_path):
    new_run()
    newest = new_run(tmp_path / "elsewhere")
    assert open_run().folder == newest.folder


def test_best_model_has_the_weights_that_were_saved():
    run = new_run()
    model = run.new_model()
    model.weights["in"].assign_add(model.weights["in"])
    run.checkpoints("best", model=model).save()
    restored = open_run(run.folder).best_model()
    for name, variable in model.variables_by_name.items():
        np.testing.assert_array_equal(restored.variables_by_name[name], variable)


def test_history_is_read_as_it_was_written():
    run = new_run()
    rows = [{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25}]
    run.write_history(rows)
    assert run.read_history() == rows


def refused(call, *words):
    with pytest.raises(UserError) as mistake:
        call()
    for word in words:
        assert str(word) in str(mistake.value)


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "precious").write_text("mine")
    refused(lambda: new_run(tmp_path), tmp_path, "--run")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_overwriting_gives_up_the_run_and_nothing_else(tmp_path):
    run = new_run(tmp_path / "run")
    run.checkpoints("best", model=run.new_model()).save()
    run.write_history([{"epoch": 1}])
    (run.folder / "notes.txt").write_text("mine")
    refused(lambda: create_run(run.folder, BASIC, 8, DATASET, overwrite=True), run.folder)
    assert (run.folder / "notes.txt").read_text() == "mine"
    assert open_run(run.folder).read_history() == [{"epoch": 1}]  # nor is the run given up then
    (run.folder / "notes.txt").unlink()
    (run.folder / "history.csv.unfinished").touch()  # of a process that was killed
    again = create_run(run.folder, BASIC, 8, DATASET, overwrite=True, engine="cell", shards=1)
    assert again.settings["seed"] == 8 and again.read_history() == []
    assert not list(again.folder.glob("checkpoints/best/*"))


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    refused(lambda: new_run(tmp_path / "file"), tmp_path / "file", "--run")


def test_no_run_yet():
    refused(open_run, "train_mnist.py", "--run")


def test_a_folder_that_is_no_run(tmp_path):
    refused(lambda: open_run(tmp_path), tmp_path, "settings.json", "another folder")


@pytest.mark.parametrize("content", ["{", "[]", '{"recipe": {"units": 3}}'])
def test_settings_that_are_none(tmp_path, content):
    (tmp_path / "settings.json").write_text(content)
    refused(lambda: open_run(tmp_path), tmp_path, "settings", "another run")


def test_a_run_without_a_checkpoint():
    run = new_run()
    refused(run.best_model, run.folder, "another run")


def test_a_damaged_checkpoint_is_named():
    run = new_run()
    saved = run.checkpoints("best", model=run.new_model()).save()
    for path in run.folder.glob("checkpoints/best/*.data*"):
        path.write_bytes(path.read_bytes()[:1000])
    refused(run.best_model, saved, "another run")


def test_a_checkpoint_of_another_size_does_not_fit():
    run = new_run()
    saved = run.checkpoints("best", model=run.new_model()).save()
    run.settings["recipe"]["units"] = 64
    refused(run.best_model, saved, "settings.json")
