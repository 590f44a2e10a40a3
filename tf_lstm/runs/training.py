"""Training a run from Python, without the command line."""

from pathlib import Path

import tensorflow as tf

from tf_lstm.data.dataset import Dataset
from tf_lstm.engines.build import usable_engine
from tf_lstm.engines.distribution import count_shards
from tf_lstm.recipes import DEFAULT
from tf_lstm.runs.locate import create_run
from tf_lstm.runs.run import Run
from tf_lstm.runs.session import Session
from tf_lstm.settings import Recipe
from tf_lstm.train_loop import train


def train_run(
    dataset: Dataset,
    recipe: Recipe = DEFAULT,
    folder: str | Path | None = None,
    seed: int = 0,
    engine: str = "folded",
    quiet: bool = False,
) -> Run:
    """Train a new run and test it.

    Args:
        dataset: the data.
        recipe: the settings.
        folder: where to save it, or None for runs/RECIPE-DATE-TIME.
        seed: determines every random choice.
        engine: one of `engines.build.ENGINES`.
        quiet: print nothing.

    Returns:
        The finished run; `open_run` finds it again.

    Raises:
        Interrupted: Ctrl-C; everything is saved.
        UserError: the folder cannot be used, or a gradient is not finite.
        ValueError: there is no such engine.
    """
    shards = count_shards("none", tf.distribute.get_strategy())
    engine = usable_engine(engine, recipe)
    run = create_run(folder, recipe, seed, dataset, engine=engine, shards=shards)
    with run.locked():
        session = Session(run, dataset, quiet)
        with session.resumable():
            train(session.trainer, dataset, session, session.history)
        session.finish(session.test())
    return run
