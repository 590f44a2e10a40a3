"""A run's folder with random damage is restored, or refused in one sentence that names the file.

What is restored are weights that were saved: TensorFlow's checkpoints and settings.json have
checksums. The two text files with results have none, so a changed digit there is not noticed.
"""

import dataclasses
import random
import shutil

import numpy as np
import pytest
from damage import damage

from tf_lstm import train_loop
from tf_lstm.data.dataset import Dataset, Split
from tf_lstm.data.synthetic import render_digits
from tf_lstm.recipes import DEFAULT
from tf_lstm.runs import session
from tf_lstm.runs.locate import create_run, open_run
from tf_lstm.runs.run import Run
from tf_lstm.runs.session import Session
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
    run = create_run(tmp_path / "trained", RECIPE, 3, DATASET, engine="folded")
    trained = Session(run, DATASET, quiet=True)
    train_loop.train(trained.trainer, DATASET, trained, trained.history)
    trained.finish(trained.test())
    monkeypatch.setattr(Run, "new_model", lambda *arguments: trained.model)
    monkeypatch.setattr(session, "new_trainer", lambda *arguments: trained.trainer)
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
    folder, variables = tmp_path / "damaged", trained.model.variables_by_name
    saved = {}  # the weights after each step that has a checkpoint
    for number in trained.latest.numbers:
        trained.latest.checkpoint.read(trained.latest.path(number))
        saved[trained.trainer.step] = values(variables)
    trained.run.best_model()
    best, outcomes = values(variables), []
    settings = {name: s for name, s in trained.run.settings.items() if name != "checksum"}
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
            assert all(run.settings[name] == settings[name] for name in settings), done
            np.testing.assert_equal(values(run.best_model().variables_by_name), best, done)
            if run.is_finished:
                run.read_history(), run.read_result()
            else:
                resumed = Session(run, DATASET, quiet=True)
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
