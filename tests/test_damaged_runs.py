"""A run's folder with random damage is restored, or refused in one sentence that names the file.

What is restored are weights that were saved: TensorFlow's checkpoints and settings.json have
checksums. The two text files with results have none, so a changed digit there is not noticed.
"""

import dataclasses
import random
import shutil

import numpy as np
import pytest
import tensorflow as tf
from damage import damage

from tf_lstm.data.dataset import Dataset, Split
from tf_lstm.data.synthetic import render_digits
from tf_lstm.engines import build
from tf_lstm.recipes import DEFAULT
from tf_lstm.runs.locate import create_run, open_run
from tf_lstm.runs.session import Session
from tf_lstm.runs.settings import RunSettings
from tf_lstm.runs.training import describe, trainer_of
from tf_lstm.terminal.errors import UserError

IMAGES, LABELS = render_digits(40, seed=8)
SPLITS = [
    Split(IMAGES[start:end], LABELS[start:end]) for start, end in ((0, 20), (20, 30), (30, 40))
]
DATASET = Dataset("toy", "nowhere", "abc", *SPLITS)
RECIPE = dataclasses.replace(DEFAULT, units=3, time_steps=4, batch_size=10, epochs=3)

pytestmark = pytest.mark.fuzz


@pytest.fixture
def trained(tmp_path, runs_folder, monkeypatch):
    """A finished run, and its session; every further session of this test uses its variables."""
    settings = RunSettings(RECIPE, describe(DATASET), seed=3, engine="folded")
    trainer = trainer_of(settings, DATASET, tf.distribute.get_strategy())
    with create_run(tmp_path / "trained", settings) as run:
        trained = Session(run, trainer, DATASET, quiet=True)
        run.write_result(trained.train())
    monkeypatch.setattr(build, "build_model", lambda *arguments, **options: trainer.model)
    return trained


def damage_a_file(folder, source):
    """Damage, delete or replace one of a folder's files; returns what was done."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path, other = source.choice(files), source.choice(files)
    kind = source.choice(("bytes", "bytes", "bytes", "bytes", "empty", "delete", "folder", "other"))
    if kind == "bytes":
        path.write_bytes(damage(path.read_bytes(), source))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "other":
        path.write_bytes(other.read_bytes())
    else:
        path.unlink()
        if kind == "folder":
            path.mkdir()
    return f"{kind} {path.relative_to(folder)}"


def values(variables_by_name):
    return {name: variable.numpy() for name, variable in variables_by_name.items()}


def test_a_damaged_run_is_restored_or_refused(trained, tmp_path, request, capsys):
    cases = request.config.getoption("--cases") or 200
    folder, variables = tmp_path / "damaged", trained.trainer.model.variables_by_name
    saved = {}  # the weights after each step that has a checkpoint
    for number in trained.latest.numbers:
        trained.latest.checkpoint.read(trained.latest.path(number))
        saved[trained.trainer.step] = values(variables)
    trained.run.kept_model()
    kept, outcomes = values(variables), []
    assert list(saved) == [6, 4]

    for case in range(cases):
        source = random.Random(case)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(trained.run.folder, folder)
        if source.random() < 0.5:  # an interrupted run
            (folder / "test_result.json").unlink()
        done = f"case {case}: {damage_a_file(folder, source)}"
        for variable in [*variables.values(), trained.trainer.optimizer.iterations]:
            variable.assign(0 * variable)
        try:
            run = open_run(folder)
            assert run.settings == trained.run.settings, done
            np.testing.assert_equal(values(run.kept_model().variables_by_name), kept, done)
            if run.is_finished:
                run.read_history(), run.read_result()
            else:
                resumed = Session(run, trained.trainer, DATASET, quiet=True)
                step = resumed.trainer.step
                assert resumed.latest.number is None or step in saved, done
                if resumed.latest.number:
                    np.testing.assert_equal(values(variables), saved[step], done)
            outcomes.append("restored")
        except UserError as error:
            assert str(folder) in str(error) and "\n" not in str(error), f"{done}: {error}"
            outcomes.append("refused")
        except Exception as error:
            raise AssertionError(done) from error
    with capsys.disabled():
        print({outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))})
    assert set(outcomes) == {"restored", "refused"}
