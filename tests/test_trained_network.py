"""The network that comes with the repository, and training that starts from trained weights."""

import dataclasses

import numpy as np
import pytest
from saved_runs import assert_same_run, write_digits

from tf_lstm.commands.export import export
from tf_lstm.data.class_names import DIGITS
from tf_lstm.data.dataset import load_dataset
from tf_lstm.data.synthetic import render_digits
from tf_lstm.evaluation import evaluate
from tf_lstm.export.page import save_page
from tf_lstm.recipes import DEFAULT
from tf_lstm.runs.locate import TRAINED, open_run, open_trained_run
from tf_lstm.runs.run import Run
from tf_lstm.runs.training import resume_run, train_run
from tf_lstm.terminal.errors import UserError
from tf_lstm.train_step import Trainer

RECIPE = dataclasses.replace(DEFAULT, time_steps=4, units=3, epochs=1, batch_size=16)
PAGE = TRAINED.parent / "draw_a_digit.html"


class Crash(Exception):
    pass


@pytest.fixture
def dataset(tmp_path):
    return load_dataset(str(write_digits(tmp_path / "digits.npz", 60)))


@pytest.fixture
def trained(dataset, runs_folder):
    return train_run(dataset, RECIPE, quiet=True)


def values(run):
    return {name: v.numpy() for name, v in run.kept_model().variables_by_name.items()}


def test_before_anything_was_trained_there_is_a_network(runs_folder, capsys):
    run = open_trained_run()
    assert run.folder == TRAINED and "figures/gallery/default" in capsys.readouterr().out
    images, labels = render_digits(200, seed=3)
    assert evaluate(run.kept_model(), images, labels).accuracy > 0.6  # it was trained on MNIST


def test_a_run_of_ones_own_comes_first(trained, capsys):
    assert open_trained_run().folder == trained.folder
    assert not capsys.readouterr().out


def test_an_export_of_this_network_goes_to_the_runs(runs_folder):
    assert export(open_run(TRAINED)) == runs_folder / "default.html"


def test_the_page_in_the_gallery_is_the_one_that_is_exported_now(tmp_path):
    save_page(open_run(TRAINED).kept_model(), tmp_path / "page.html", "default, MNIST", DIGITS)
    assert PAGE.read_bytes() == (tmp_path / "page.html").read_bytes()
    assert PAGE.stat().st_size < 1.2e6


def test_training_starts_from_the_weights_of_another_run(trained, dataset, monkeypatch):
    started = {}

    def remember(self, order):
        started.update({v.name: v.numpy() for v in self.variables_to_train})
        raise Crash

    monkeypatch.setattr(Trainer, "train_steps", remember)
    folder = trained.folder.with_name("further")
    with pytest.raises(Crash):
        train_run(dataset, RECIPE, folder, seed=1, initial_weights=trained.folder, quiet=True)
    assert open_run(folder).settings.initial_weights == str(trained.folder)
    expected = [value for name, value in values(trained).items() if "weights['out']" in name]
    np.testing.assert_array_equal(started["weights_out:0"], expected[0])


def test_a_run_with_initial_weights_is_resumed_bit_for_bit(trained, dataset, monkeypatch):
    whole, resumed = (trained.folder.with_name(name) for name in ("whole", "resumed"))
    options = {"seed": 1, "initial_weights": trained.folder, "quiet": True}
    train_run(dataset, RECIPE, whole, **options)
    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(Run, "checkpoints", crash_in_first_save(Run.checkpoints))
        train_run(dataset, RECIPE, resumed, **options)
    resume_run(resumed, quiet=True)
    assert_same_run(resumed, whole)


def crash_in_first_save(checkpoints):
    """`Run.checkpoints` whose first `save` raises `Crash`, so that there is no checkpoint."""

    def save():
        raise Crash

    def crashing(self, *arguments, **objects):
        made = checkpoints(self, *arguments, **objects)
        made.save = save
        return made

    return crashing


def test_training_starts_from_an_exported_archive(trained, dataset, runs_folder, monkeypatch):
    archive = export(trained, runs_folder / "model.npz")
    whole, same = (trained.folder.with_name(name) for name in ("from-run", "from-archive"))
    train_run(dataset, RECIPE, whole, initial_weights=trained.folder, quiet=True)
    train_run(dataset, RECIPE, same, initial_weights=archive, quiet=True)
    assert open_run(same).settings.initial_weights == str(archive)
    assert_same_run(same, whole)


ARRAYS = {"weights['in']": np.ones((3, 2))}
NO_WEIGHTS = {
    "missing": lambda path: None,
    "text": lambda path: path.write_text("no archive"),
    "cut": lambda path: path.write_bytes(b"PK\x03\x04"),
    "a single array": lambda path: np.save(open(path, "wb"), np.ones(3)),
    "integers": lambda path: np.savez(path, **{name: [1] for name in ARRAYS}),
    "not finite": lambda path: np.savez(path, **{name: [np.nan] for name in ARRAYS}),
    "another network": lambda path: np.savez(path, **ARRAYS),
}


@pytest.mark.parametrize("write", NO_WEIGHTS.values(), ids=NO_WEIGHTS)
def test_an_archive_without_these_weights_is_refused(write, dataset, runs_folder, tmp_path):
    path, folder = tmp_path / "model.npz", runs_folder / "other"
    write(path)
    with pytest.raises(UserError, match="model.npz"):
        train_run(dataset, RECIPE, folder, initial_weights=path, quiet=True)
    assert not folder.exists()


@pytest.mark.parametrize(
    "changes, word", [({"units": 4}, "196 × 4"), ({"cell": "gru"}, "lstm"), ({"layers": 2}, "here")]
)
def test_weights_that_do_not_fit_are_refused(changes, word, trained, dataset):
    folder = trained.folder.with_name("other")
    recipe = dataclasses.replace(RECIPE, **changes)
    with pytest.raises(UserError, match=word):
        train_run(dataset, recipe, folder, initial_weights=trained.folder, quiet=True)
    assert not folder.exists()
