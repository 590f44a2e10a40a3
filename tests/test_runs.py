"""A run's folder: created once, and read back completely."""

import dataclasses
import errno
import json
import math
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm import train_step
from tf_lstm.data.dataset import Dataset, Split
from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines.build import build_model
from tf_lstm.evaluation import Evaluation
from tf_lstm.published_systems import BASIC
from tf_lstm.recipes import RECIPES
from tf_lstm.runs import locate, training
from tf_lstm.runs import run as run_module
from tf_lstm.runs import settings as settings_module
from tf_lstm.runs.locate import create_run, open_run, reopen_run
from tf_lstm.runs.run import Run
from tf_lstm.runs.session import Session
from tf_lstm.runs.settings import RunSettings, _checksum
from tf_lstm.runs.training import describe, trainer_of
from tf_lstm.settings import Recipe
from tf_lstm.terminal.errors import UserError
from tf_lstm.train_loop import EpochMetrics

pytestmark = pytest.mark.usefixtures("runs_folder")
IMAGES, LABELS = render_digits(3, seed=1)
DATASET = Dataset("toy", "nowhere", "abc", *[Split(IMAGES, LABELS)] * 3)
METRICS = EpochMetrics(1, 3, 0.5, 0.25, float("nan"), float("nan"), 1e-3, 2.5)


def new_settings(recipe=BASIC, **options):
    return RunSettings(recipe, describe(DATASET), **{"seed": 7, "shards": 2} | options)


def new_run(folder=None, recipe=BASIC, **options):
    with create_run(folder, new_settings(recipe), **options) as run:
        return run


def new_session(run):
    return Session(run, trainer_of(run.settings, DATASET, tf.distribute.get_strategy()), DATASET)


def test_settings_hold_every_value_the_data_and_the_versions():
    settings = json.loads((new_run().folder / "settings.json").read_text())
    assert settings["recipe"]["batch_size"] == 100 and settings["seed"] == 7
    assert settings["recipe"] == dataclasses.asdict(BASIC)
    assert settings["data"] | {"checksum": "abc", "source": "nowhere"} == settings["data"]


def test_versions_name_the_packages_and_the_code():
    versions = training.versions()
    assert set(versions) == {"python", "tensorflow", "keras", "numpy", "code"}


def test_settings_come_back_as_themselves():
    settings = new_settings(
        engine="folded", precision="mixed_bfloat16", device="cpu", versions={"code": "abc"}
    )
    assert RunSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    "recipe, asked, engine",
    [("pixels", "cell", "loop"), ("pixels", "folded", "folded"), ("default", "cell", "cell")],
)
def test_settings_name_the_engine_that_is_used(recipe, asked, engine):
    assert new_settings(RECIPES[recipe], engine=asked).engine == engine


@pytest.mark.parametrize(
    "options, word",
    [
        ({"engine": "fold"}, "engine"),
        ({"recipe": Recipe(cell="gru"), "engine": "folded"}, "gru"),
        ({"engine": "cell", "precision": "mixed_bfloat16"}, "mixed_bfloat16"),
        ({"shards": 0}, "shards"),
        ({"device": "gpu"}, "device"),
        ({"strategy": "any"}, "strategy"),
    ],
)
def test_settings_that_do_not_fit_are_refused(options, word):
    with pytest.raises(ValueError, match=word):
        new_settings(**options)


def test_a_run_is_read_again_from_its_folder(tmp_path):
    created = new_run(tmp_path / "here")
    assert open_run(tmp_path / "here").settings == created.settings


def test_latest_names_the_newest_run(tmp_path):
    new_run()
    newest = new_run(tmp_path / "elsewhere")
    assert open_run().folder == newest.folder


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("engine", ["cell", "gates", "loop"])
def test_any_engine_opens_the_weights_that_were_kept(cell, engine):
    run = new_run(recipe=dataclasses.replace(BASIC, cell=cell, units=5))
    trained = new_session(run)
    weights = trained.trainer.model.weights["in"]
    weights.assign_add(weights)
    trained.kept.save()
    restored = open_run(run.folder).kept_model(engine).variables_by_name
    for name, variable in trained.trainer.model.variables_by_name.items():
        np.testing.assert_array_equal(restored[name], variable)


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
    older = new_session(new_run())
    older.kept.save()
    older.latest.save()
    monkeypatch.setattr(settings_module, "Recipe", NewerRecipe)
    newer = open_run(older.run.folder)
    assert newer.recipe.zoneout == 0.0 and newer.recipe.units == BASIC.units
    assert new_session(newer).latest.number
    restored = newer.kept_model().variables_by_name
    for name, variable in older.trainer.model.variables_by_name.items():
        np.testing.assert_array_equal(restored[name], variable)


def refused(call, *words):
    with pytest.raises(UserError) as mistake:
        call()
    for word in words:
        assert str(word) in str(mistake.value)


def test_a_run_with_the_former_name_of_its_loss_is_read():
    settings = new_settings(dataclasses.replace(BASIC, loss_rows="all_and_last"))
    content = json.loads(settings.to_json())
    del content["checksum"]
    content["recipe"]["loss_rows"] = "every"
    former = json.dumps(content | {"checksum": _checksum(content)})
    assert RunSettings.from_json(former) == settings


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "precious").write_text("mine")
    refused(lambda: new_run(tmp_path), tmp_path, "--run")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    "left", ["", "lock", ".DS_Store", "settings.json.removed", ".unfinished-ab12cd/settings.json"]
)
def test_a_folder_left_by_a_killed_process_can_be_used_again(left, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    if left:
        (folder / left).parent.mkdir(exist_ok=True)
        (folder / left).write_text('{"recipe": {')
    refused(lambda: open_run(folder), folder, f"start its training again with --run {folder}")
    new_run(folder)
    assert open_run(folder).recipe == BASIC
    names = {path.name for path in folder.iterdir()}
    assert names <= {"settings.json", "lock", ".DS_Store"}


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
    variables = build_model(run.recipe).variables_by_name
    run.checkpoints("kept", variables=variables).save()
    run.write_history([METRICS])
    (folder / "test_result.json").write_text("{}")
    (folder / "learning_curves.png").touch()
    (
        folder / ".unfinished-ab12cd"
    ).mkdir()  # of a process that was killed while it saved the figure
    (folder / ".unfinished-ab12cd" / "learning_curves.png").touch()
    return run


@pytest.mark.parametrize(
    "name", ["notes.txt", "tmp_old/history.csv", "checkpoints/mine/a", "checkpoints/kept/mine"]
)
def test_a_run_beside_something_else_is_not_overwritten(name, tmp_path):
    run = finished_run(tmp_path / "run")
    mine = run.folder / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    refused(lambda: new_run(run.folder, overwrite=True), run.folder)
    assert mine.read_text() == "mine" and open_run(run.folder).is_finished


def test_overwriting_leaves_a_new_run_and_the_file_managers_files(tmp_path):
    run = finished_run(tmp_path / "run")
    (run.folder / ".DS_Store").write_text("icons")
    new_run(run.folder, overwrite=True)
    assert open_run(run.folder).read_history() == []
    names = {path.name for path in run.folder.iterdir()}
    assert names == {"settings.json", "lock", ".DS_Store"}


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    run = new_run(tmp_path / "run")
    monkeypatch.setattr(run_module.fcntl, "flock", no_locks)
    refused(reopen_run(run.folder).__enter__, run.folder, "No locks available", "--run")


def test_a_run_that_is_being_trained_is_not_overwritten(tmp_path):
    run = finished_run(tmp_path / "run")
    with reopen_run(run.folder):
        refused(lambda: new_run(run.folder, overwrite=True), run.folder, "another process")
    assert open_run(run.folder).is_finished


@pytest.mark.parametrize(
    "place, words", [("write_text_atomically", "another process"), ("locked", "not empty")]
)
def test_of_two_processes_that_start_one_run_the_second_is_refused(
    place, words, tmp_path, monkeypatch
):
    """The other one starts while the folder is locked, or after it was checked."""
    original, refusals = getattr(locate, place), []

    def start():
        try:
            new_run(tmp_path / "run")
        except UserError as error:
            refusals.append(str(error))

    def start_another(*arguments):
        monkeypatch.setattr(locate, place, original)
        start()
        return original(*arguments)

    monkeypatch.setattr(locate, place, start_another)
    start()
    (refusal,) = refusals
    assert words in refusal and open_run(tmp_path / "run").recipe == BASIC


def test_the_lock_is_held_from_the_creation_to_the_end(tmp_path):
    with create_run(tmp_path / "run", new_settings()):
        refused(lambda: new_run(tmp_path / "run", overwrite=True), "another process")
    new_run(tmp_path / "run", overwrite=True)


class Kill(Exception):
    pass


@pytest.mark.parametrize("operation", range(1, 10))
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
        ("unit", 128, "unit"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(name, value, words):
    run = new_run()
    content = json.loads((run.folder / "settings.json").read_text())
    content["recipe"][name] = value
    del content["checksum"]
    content["checksum"] = settings_module._checksum(content)
    (run.folder / "settings.json").write_text(json.dumps(content))
    with pytest.raises(UserError) as mistake:
        open_run(run.folder)
    message = str(mistake.value)
    assert words in message and str(run.folder) in message and "\n" not in message


def test_settings_that_were_changed_are_refused():
    path = new_run().folder / "settings.json"
    path.write_text(path.read_text().replace('"units": 128', '"units": 64'))
    refused(lambda: open_run(path.parent), path, "checksum")


def test_a_run_without_a_checkpoint_is_refused():
    run = new_run()
    refused(run.kept_model, run.folder, "another run")


def saved_checkpoint(run):
    variables = build_model(run.recipe).variables_by_name
    return run.checkpoints("kept", variables=variables).save()


def test_a_damaged_checkpoint_is_named():
    run = new_run()
    saved = saved_checkpoint(run)
    for path in run.folder.glob("checkpoints/kept/*.data*"):
        path.write_bytes(path.read_bytes()[:1000])
    refused(run.kept_model, saved, "another run")


def test_a_checkpoint_of_another_size_does_not_fit():
    run = new_run()
    saved = saved_checkpoint(run)
    recipe = dataclasses.replace(run.recipe, units=64)
    other = Run(run.folder, dataclasses.replace(run.settings, recipe=recipe))
    refused(other.kept_model, saved, "settings.json")


@pytest.mark.parametrize("name", ["a[1]", "what?", "all*", "n" * 300, "nul\0"])
def test_a_folder_that_cannot_be_used_is_refused_at_the_start(name, tmp_path):
    refused(lambda: new_run(tmp_path / name), "--run")
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"][:0]


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "run", tmp_path / "file" / "runs" / "run"):
        refused(lambda path=path: new_run(path), path, "--run")
        refused(lambda path=path: open_run(path), path)


def test_without_a_place_for_runs_a_run_elsewhere_works(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setattr(locate, "RUNS", tmp_path / "file" / "runs")
    monkeypatch.setattr(locate, "LATEST", tmp_path / "file" / "runs" / "latest")
    new_run(tmp_path / "elsewhere")
    assert open_run(tmp_path / "elsewhere").recipe == BASIC
    assert "--run" in capsys.readouterr().err
    refused(new_run, "--run")  # without a folder


def test_moving_the_runs_keeps_the_newest_one(runs_folder, tmp_path, monkeypatch):
    name = new_run().folder.name
    runs_folder.rename(tmp_path / "moved")
    monkeypatch.setattr(locate, "RUNS", tmp_path / "moved")
    monkeypatch.setattr(locate, "LATEST", tmp_path / "moved" / "latest")
    assert open_run().folder == tmp_path / "moved" / name


@pytest.mark.parametrize("name", ["ends with a space ", os.fsdecode(b"not utf-8 \xff")])
def test_the_newest_run_may_have_any_name(name, tmp_path):
    new_run(tmp_path / name)
    assert open_run().folder == tmp_path / name


def test_a_deleted_newest_run_is_named(tmp_path):
    shutil.rmtree(new_run(tmp_path / "gone").folder)
    refused(open_run, tmp_path / "gone", "--run")


def test_two_runs_of_one_second_have_two_folders():
    assert new_run().folder != new_run().folder


@pytest.mark.parametrize("change", ["doubled", "missing", "decimal commas"])
def test_a_history_that_was_changed_is_refused(change):
    run = new_run()
    run.write_history([dataclasses.replace(METRICS, epoch=epoch) for epoch in (1, 2, 3)])
    path = run.folder / "history.csv"
    header, *lines = path.read_text().splitlines()
    if change == "decimal commas":
        lines = [line.replace(".", ",") for line in lines]
    else:
        lines = lines[:2] + lines[1:] if change == "doubled" else lines[::2]
    path.write_text("\n".join([header, *lines]) + "\n")
    refused(run.read_history, path)


def test_a_class_without_test_images_has_no_accuracy_in_valid_json():
    run = new_run()
    run.write_result(Evaluation(0.5, 0.75, (1.0, math.nan), 4))
    text = (run.folder / "test_result.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["accuracy_per_class"] == [1.0, None]
    assert math.isnan(run.read_result().accuracy_per_class[1])


def test_what_makes_an_optimizer_fail_leaves_no_run_behind(runs_folder, tmp_path, monkeypatch):
    def fail(*arguments):
        raise TypeError("an unknown argument, as of an older Keras")

    monkeypatch.setattr(train_step, "new_optimizer", fail)
    with pytest.raises(TypeError):
        training.train_run(DATASET, BASIC, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists() and not runs_folder.exists()


def test_of_equally_accurate_epochs_the_one_with_the_lower_loss_is_kept():
    session = new_session(new_run())
    first = dataclasses.replace(METRICS, validation_accuracy=0.5, validation_loss=2.0)
    better = dataclasses.replace(first, epoch=2, validation_loss=1.0)
    session.history = [first, better]
    assert session.is_best(better)
    assert not session.is_best(dataclasses.replace(better, validation_loss=3.0))
    assert session.is_best(dataclasses.replace(better, validation_accuracy=0.6))
    assert session.is_best(dataclasses.replace(METRICS, epoch=2))  # nan: no validation images


def test_the_command_that_resumes_works_in_a_shell(tmp_path):
    run = new_run(tmp_path / "a folder")
    assert shlex.split(run.resume_command)[-2:] == ["--resume", str(run.folder)]
