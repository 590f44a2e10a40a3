"""Train an LSTM to read handwritten digits row by row."""

import atexit
import dataclasses
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.command_line import FlagParser, number, run_script
from tf_lstm.distribution import STRATEGIES, cluster_and_task, is_chief
from tf_lstm.errors import UserError
from tf_lstm.recipes import RECIPES


def describe_recipes():
    """A line for each recipe, with its own default of each setting that has a flag."""
    width = max(map(len, RECIPES))
    lines = [f"{'recipes:':{width + 2}} epochs  batch size  units  learning rate"]
    for recipe in RECIPES.values():
        lines.append(
            f"  {recipe.name:{width}} {recipe.epochs:6}  {recipe.batch_size:10}  {recipe.units:5}  "
            f"{recipe.learning_rate:13}  {recipe.description}"
        )
    return "\n".join(lines)


def parse_flags():
    parser = FlagParser(__doc__, epilog=describe_recipes())
    flag = parser.flag

    def setting(name, text, parse):
        shown = f"{getattr(RECIPES['default'], name)}, other recipes have their own"
        flag("--" + name.replace("_", "-"), shown, text, type=parse, metavar="N")

    flag(
        "--recipe",
        "default",
        "settings to train with, one of the names below",
        choices=RECIPES,
        metavar="NAME",
    )
    setting("epochs", "how often to go through the training images", number(int, 1, 100_000))
    setting("batch_size", "training images a step", number(int, 1, 60_000))
    setting("units", "size of the LSTM's hidden state", number(int, 1, 8192))
    setting("learning_rate", "the optimizer's, at its peak", number(float, 1e-9, 10.0))
    flag(
        "--seed",
        0,
        "of everything that is drawn: initial values, orders, dropout, bending",
        type=number(int, 0, 2**32 - 1),
        metavar="N",
    )
    flag(
        "--data",
        "$MNIST_DIR, else mnist, else drawn",
        "a folder with MNIST's four IDX files, an mnist.npz, `mnist` to download it, "
        "or `drawn` for digits drawn from fonts",
        metavar="PATH",
    )
    flag("--run", "runs/RECIPE-DATE-TIME", "a new folder for the run", metavar="FOLDER")
    flag("--overwrite", "off", "give up the run that --run holds already", action="store_true")
    flag(
        "--engine",
        "cell",
        "`cell` unrolls the LSTMCell row by row, `folded` computes the same faster",
        choices=("cell", "folded"),
    )
    flag(
        "--resume",
        "the newest run",
        "go on with an interrupted run, with its own settings",
        nargs="?",
        const="",
        metavar="FOLDER",
    )
    flag(
        "--device",
        "a GPU where there is one",
        "`cpu` keeps off the GPU",
        choices=("cpu",),
    )
    flag(
        "--strategy",
        "none",
        "`mirrored` trains on several GPUs, or parts of the processor; `multi-worker` on several "
        "machines, named in TF_CONFIG",
        choices=STRATEGIES,
    )
    flag(
        "--replicas",
        "all GPUs, or 2 parts of the processor",
        "how many devices `--strategy mirrored` uses",
        type=number(int, 1, 64),
        metavar="N",
    )
    flag("--quiet", "off", "print only the result", action="store_true")
    flags = parser.parse_args()
    if flags.overwrite and flags.run is None:
        parser.error("--overwrite gives up the run in the folder that --run names: add that")
    if flags.replicas is not None and flags.strategy != "mirrored":
        parser.error("--replicas is for --strategy mirrored: leave it out, or add that")
    if flags.strategy == "multi-worker" and flags.resume is None and flags.run is None:
        parser.error("--strategy multi-worker needs --run: a folder that all workers can read")
    if flags.resume is not None:
        for name in ("recipe", "seed", "engine", "run", "strategy", *chosen_settings(flags)):
            if getattr(flags, name) is not None:
                parser.error(
                    f"--resume goes on with the run's own settings: leave out "
                    f"--{name.replace('_', '-')}"
                )
    return flags


def chosen_settings(flags):
    """The recipe's settings that have flags of their own and were given."""
    names = ("epochs", "batch_size", "units", "learning_rate")
    return {name: getattr(flags, name) for name in names if getattr(flags, name) is not None}


def begin(flags):
    """A new run, as the flags say, and its data and strategy."""
    from tf_lstm.data import load_dataset
    from tf_lstm.distribution import new_strategy, shards
    from tf_lstm.runs import create_run

    strategy_name = flags.strategy or "none"
    strategy = new_strategy(strategy_name, flags.replicas)
    changes = chosen_settings(flags)
    if "epochs" in changes:
        changes["steps"] = None
    recipe = dataclasses.replace(RECIPES[flags.recipe or "default"], **changes)
    dataset = load_dataset(flags.data, recipe.validation)
    folder = flags.run if is_chief(strategy_name) else scratch_folder()
    run = create_run(
        folder,
        recipe,
        flags.seed or 0,
        dataset,
        flags.overwrite,
        newest=folder == flags.run,
        engine=flags.engine or "cell",
        shards=shards(strategy_name, strategy),
        strategy=strategy_name,
        replicas=strategy.num_replicas_in_sync,
    )
    return run, dataset, strategy


def resume(flags):
    """An interrupted run, and its data and strategy."""
    from tf_lstm.data import load_dataset
    from tf_lstm.distribution import new_strategy
    from tf_lstm.run_folder import Run
    from tf_lstm.runs import open_run

    run = open_run(flags.resume or None)
    if run.is_finished:
        raise UserError(f"{run.folder} is finished already: there is nothing to resume.")
    strategy_name = run.settings.get("strategy", "none")
    strategy = new_strategy(strategy_name, run.settings.get("replicas"))
    if strategy.num_replicas_in_sync != run.settings.get("replicas", 1):
        raise UserError(
            f"{run.folder} was begun with {run.settings['replicas']} workers, and there are "
            f"{strategy.num_replicas_in_sync} in TF_CONFIG: go on with as many."
        )
    data = run.settings["data"]
    dataset = load_dataset(flags.data or data["source"], run.recipe.validation)
    if dataset.checksum != data["checksum"]:
        raise UserError(
            f"{dataset.source} is not the data that {run.folder} was trained on so far: name that "
            "with --data."
        )
    if not is_chief(strategy_name):
        copy = shutil.copytree(run.folder, scratch_folder(), dirs_exist_ok=True)
        run = Run(copy, run.settings)
    return run, dataset, strategy


def scratch_folder():
    """A folder for a worker that is not the chief: it writes a run that nobody reads."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return folder.name


def main():
    flags = parse_flags()
    if flags.strategy == "multi-worker":
        cluster_and_task()  # a wrong TF_CONFIG is told of before TensorFlow is imported

    from tf_lstm.startup import import_tensorflow

    import_tensorflow(flags.device)
    from tf_lstm.training import train

    run, dataset, strategy = begin(flags) if flags.resume is None else resume(flags)
    if not is_chief(run.settings.get("strategy", "none")):
        sys.stdout = open(os.devnull, "w")  # the chief speaks for all
    with run.locked():
        train(run, dataset, flags.quiet, strategy)
    plot = "python scripts/plot_row_predictions.py"
    named = flags.run or flags.resume
    print(f"next     {plot} --run {named}" if named else f"next     {plot}")


if __name__ == "__main__":
    run_script(main)
