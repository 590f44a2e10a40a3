"""A run's folder: created once, and read back completely."""

import argparse
import dataclasses
import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tf_lstm.data.dataset import Dataset, Split
from tf_lstm.data.synthetic import render_digits
from tf_lstm.published_systems import BASIC
from tf_lstm.recipes import RECIPES
from tf_lstm.runs import locate, start
from tf_lstm.runs import run as run_module
from tf_lstm.runs.locate import create_run, open_run
from tf_lstm.runs.run import Run
from tf_lstm.runs.session import Session
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.train_loop import EpochMetrics

pytestmark = pytest.mark.usefixtures("runs_folder")
IMAGES, LABELS = render_digits(3, seed=1)
DATASET = Dataset("toy", "nowhere", "abc", *[Split(IMAGES, LABELS)] * 3)
METRICS = EpochMetrics(1, 3, 0.5, 0.25, float("nan"), float("nan"), 1e-3, 2.5)


def new_run(folder=None, recipe=BASIC, **options):
    return create_run(folder, recipe, 7, DATASET, engine="cell", shards=2, **options)


def test_settings_hold_every_value_the_data_and_the_versions():
    settings = json.loads((new_run().folder / "settings.json").read_text())
    assert settings["recipe"]["batch_size"] == 100 and settings["seed"] == 7
    assert settings["recipe"] == dataclasses.asdict(BASIC)
    assert settings["data"] | {"checksum": "abc", "source": "nowhere"} == settings["data"]
    assert set(settings["versions"]) == {"python", "tensorflow", "keras", "numpy"}


@pytest.mark.parametrize(
    "recipe, engine, precision",
    [("steps-784", "scan", None), ("steps-196", "folded", "mixed_bfloat16")],
)
def test_settings_name_the_engine_that_is_used(recipe, engine, precision, monkeypatch):
    monkeypatch.setattr(start, "load_dataset", lambda source, validation: DATASET)
    flags = dict.fromkeys(("data", "run", "seed", "strategy", "replicas", "overwrite"))
    flags |= {"engine": "folded", "precision": precision}
    run, _, _ = start.new_run(argparse.Namespace(recipe_settings=RECIPES[recipe], **flags))
    assert open_run(run.folder).settings["engine"] == engine
    assert open_run(run.folder).precision == (precision or "float32")


def test_mixed_precision_needs_the_folded_engine():
    flags = {"strategy": None, "seed": None, "engine": "folded", "precision": "mixed_bfloat16"}
    with pytest.raises(UserError, match="784 time steps: leave out --precision"):
        start.new_run(argparse.Namespace(recipe_settings=RECIPES["steps-784"], **flags))


def test_a_run_is_read_again_from_its_folder(tmp_path):
    created = new_run(tmp_path / "here")
    read = open_run(tmp_path / "here")
    assert read.recipe == created.recipe == BASIC
    assert read.settings == created.settings


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
    history = [METRICS, dataclasses.replace(METRICS, epoch=2, validation_accuracy=1.0)]
    run.write_history(history)
    assert repr(run.read_history()) == repr(history)  # nan is not equal to nan


@dataclasses.dataclass(frozen=True)
class NewerRecipe(Recipe):
    """The recipe of a later version, with one more setting."""

    zoneout: float = 0.0


def test_a_new_setting_with_a_default_leaves_older_runs_and_checkpoints_valid(monkeypatch):
    older = new_run()
    session = Session(older, DATASET, quiet=True)
    session.best.save()
    session.latest.save()
    monkeypatch.setattr(run_module, "Recipe", NewerRecipe)
    newer = open_run(older.folder)
    assert newer.recipe.zoneout == 0.0 and newer.recipe.units == BASIC.units
    assert Session(newer, DATASET, quiet=True).latest.number
    restored = newer.best_model()
    for name, variable in session.model.variables_by_name.items():
        np.testing.assert_array_equal(restored.variables_by_name[name], variable)


def refused(call, *words):
    with pytest.raises(UserError) as mistake:
        call()
    for word in words:
        assert str(word) in str(mistake.value)


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "precious").write_text("mine")
    refused(lambda: new_run(tmp_path), tmp_path, "--run")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("left", ["", "lock", "settings.json.unfinished"])
def test_a_folder_left_by_a_killed_process_can_be_used_again(left, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    if left:
        (folder / left).write_text('{"recipe": {')
    refused(lambda: open_run(folder), folder, f"start its training again with --run {folder}")
    new_run(folder)
    assert open_run(folder).recipe == BASIC
    assert {path.name for path in folder.iterdir()} <= {"settings.json", "lock"}


@pytest.mark.parametrize("foreign", ["precious", "checkpoints/precious"])
def test_a_folder_without_settings_is_never_deleted(foreign, tmp_path):
    (tmp_path / foreign).parent.mkdir(exist_ok=True)
    (tmp_path / foreign).write_text("mine")
    for overwrite in (False, True):
        refused(lambda: new_run(tmp_path, overwrite=overwrite), tmp_path, "not empty")  # noqa: B023
    assert (tmp_path / foreign).read_text() == "mine"


def finished_run(folder):
    """A run with every file that a training writes, and those that a killed one leaves."""
    run = new_run(folder)
    run.checkpoints("best", model=run.new_model()).save()
    run.write_history([METRICS])
    (folder / "test_result.json").write_text("{}")
    (folder / "learning_curves.png").touch()
    (folder / "history.csv.unfinished").touch()
    (folder / "tmpab12cd34").mkdir()  # of a process that was killed while it saved the figure
    (folder / "tmpab12cd34" / "learning_curves.png").touch()
    return run


def test_overwriting_deletes_the_run_and_nothing_else(tmp_path):
    run = finished_run(tmp_path / "run")
    (run.folder / "notes.txt").write_text("mine")
    refused(lambda: new_run(run.folder, overwrite=True), run.folder)
    assert (run.folder / "notes.txt").read_text() == "mine"
    assert open_run(run.folder).read_history()[0].epoch == 1  # the run is not deleted either
    (run.folder / "notes.txt").unlink()
    again = create_run(run.folder, BASIC, 8, DATASET, overwrite=True, engine="cell", shards=1)
    assert again.settings["seed"] == 8 and again.read_history() == []
    assert {path.name for path in again.folder.iterdir()} == {"settings.json", "lock"}


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    run = new_run(tmp_path / "run")
    monkeypatch.setattr(run_module.fcntl, "flock", no_locks)
    refused(run.locked().__enter__, run.folder, "No locks available", "--run")


def test_a_run_that_is_being_trained_is_not_overwritten(tmp_path):
    run = finished_run(tmp_path / "run")
    with run.locked():
        refused(lambda: new_run(run.folder, overwrite=True), run.folder, "another process")
    assert open_run(run.folder).is_finished


@pytest.mark.parametrize(
    "owner, name, words",
    [
        (locate, "write_text_atomically", "another process"),  # while the folder is locked
        (Run, "locked", "not empty"),  # after the folder was checked, before it is locked
    ],
)
def test_of_two_processes_that_start_one_run_the_second_is_refused(
    owner, name, words, tmp_path, monkeypatch
):
    original, refusals = getattr(owner, name), []

    def start():
        try:
            new_run(tmp_path / "run")
        except UserError as error:
            refusals.append(str(error))

    def start_another(*arguments):
        monkeypatch.setattr(owner, name, original)
        start()
        return original(*arguments)

    monkeypatch.setattr(owner, name, start_another)
    start()
    (refusal,) = refusals
    assert words in refusal and open_run(tmp_path / "run").recipe == BASIC


class Kill(Exception):
    pass


@pytest.mark.parametrize("operation", range(1, 11))
def test_a_kill_while_overwriting_leaves_a_folder_that_can_be_used_again(
    operation, tmp_path, monkeypatch
):
    run = finished_run(tmp_path / "run")
    count = 0

    def killed(original):
        def call(*arguments, **options):
            nonlocal count
            count += 1
            if count == operation:
                raise Kill
            return original(*arguments, **options)

        return call

    with monkeypatch.context() as patch, pytest.raises(Kill):
        patch.setattr(os, "replace", killed(os.replace))
        patch.setattr(shutil, "rmtree", killed(shutil.rmtree))
        patch.setattr(Path, "unlink", killed(Path.unlink))
        patch.setattr(Path, "write_text", killed(Path.write_text))
        new_run(run.folder, overwrite=True)
    if operation == 1:  # nothing is deleted yet
        assert open_run(run.folder).is_finished
    else:
        refused(lambda: open_run(run.folder), f"again with --run {run.folder}")
    new_run(run.folder, overwrite=True)
    assert {path.name for path in run.folder.iterdir()} == {"settings.json", "lock"}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    refused(lambda: new_run(tmp_path / "file"), tmp_path / "file", "--run")


def test_the_first_run_does_not_exist_yet():
    refused(open_run, "train_mnist.py", "--run")


def test_a_folder_without_a_run_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    refused(lambda: open_run(tmp_path), tmp_path, "settings.json", "another folder")


@pytest.mark.parametrize("content", ["{", "[]", '{"recipe": {"units": 3}}'])
def test_a_settings_file_with_something_else_is_refused(tmp_path, content):
    (tmp_path / "settings.json").write_text(content)
    refused(lambda: open_run(tmp_path), tmp_path, "settings", "another run")


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("augment", "afine_elastic", "augment is 'afine_elastic', not 'none' or"),
        ("units", "128", "units is '128', not a whole number from 1 to 8,192"),
        ("learning_rate", 100, "learning_rate is 100, not a number from"),
        ("unit", 128, "unit"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(name, value, words):
    run = new_run()
    run.settings["recipe"][name] = value
    (run.folder / "settings.json").write_text(json.dumps(run.settings))
    with pytest.raises(UserError) as mistake:
        open_run(run.folder)
    message = str(mistake.value)
    assert words in message and str(run.folder) in message and "name another run." in message
    assert "\n" not in message


def test_a_run_without_a_checkpoint_is_refused():
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
