"""Starts a new run or resumes an interrupted one, according to the flags of train_mnist.py."""

import argparse
import atexit
import shutil
import tempfile
import zlib

import tensorflow as tf

from tf_lstm.data.dataset import Dataset, load_dataset
from tf_lstm.engines.build import usable_engine
from tf_lstm.engines.cluster import is_chief
from tf_lstm.engines.distribution import count_shards, new_strategy
from tf_lstm.runs.locate import create_run, open_run
from tf_lstm.runs.run import Run
from tf_lstm.terminal.errors import UserError

Started = tuple[Run, Dataset, tf.distribute.Strategy]


def new_run(flags: argparse.Namespace) -> Started:
    """A new run, its data and its strategy.

    Raises:
        UserError: the flags contradict each other or the data cannot be used.
    """
    strategy_name, recipe = flags.strategy or "none", flags.recipe_settings
    seed, engine = flags.seed or 0, usable_engine(flags.engine or "cell", recipe)
    precision = flags.precision or "float32"
    if precision != "float32" and engine != "folded":
        raise UserError(
            f"The folded engine does not unroll {recipe.time_steps} time steps: leave out "
            "--precision."
        )
    strategy = new_strategy(strategy_name, flags.replicas)
    dataset = load_dataset(flags.data, recipe.validation)
    require_same(strategy, f"{recipe} {seed} {engine} {precision} {dataset.checksum}")
    folder = flags.run if is_chief(strategy_name) else scratch_folder()
    run = create_run(
        folder,
        recipe,
        seed,
        dataset,
        flags.overwrite,
        newest=folder == flags.run,
        engine=engine,
        precision=precision,
        shards=count_shards(strategy_name, strategy),
        strategy=strategy_name,
        replicas=strategy.num_replicas_in_sync,
    )
    return run, dataset, strategy


def resume_run(flags: argparse.Namespace) -> Started:
    """An interrupted run, its data and its strategy.

    Raises:
        UserError: the run is finished, or the data or the number of workers is not the run's.
    """
    run = open_run(flags.resume or None)
    if run.is_finished:
        raise UserError(f"{run.folder} is finished already: there is nothing to resume.")
    strategy_name, replicas = run.settings["strategy"], run.settings["replicas"]
    strategy = new_strategy(strategy_name, replicas)
    if strategy.num_replicas_in_sync != replicas:
        raise UserError(
            f"{run.folder} was started with {replicas} workers, and TF_CONFIG names "
            f"{strategy.num_replicas_in_sync}: resume with the same number."
        )
    data = run.settings["data"]
    dataset = load_dataset(flags.data or data["source"], run.recipe.validation)
    if dataset.checksum != data["checksum"]:
        raise UserError(
            f"{dataset.source} is not the data that {run.folder} was trained on: name the "
            "original data with --data."
        )
    if not is_chief(strategy_name):
        copy = shutil.copytree(run.folder, scratch_folder(), dirs_exist_ok=True)
        run = Run(copy, run.settings)
    return run, dataset, strategy


def require_same(strategy: tf.distribute.Strategy, text: str) -> None:
    """Raise a UserError unless all workers call this with the same text."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        number = zlib.crc32(text.encode())
        if len(set(strategy.gather(tf.constant([number], tf.int64), axis=0).numpy())) > 1:
            raise UserError(
                "The workers have different settings or data: start the same command with the same "
                "data on each."
            )


def scratch_folder() -> str:
    """A temporary folder for the run of a worker that is not the chief; it is deleted at exit."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return folder.name
