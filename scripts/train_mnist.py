"""Train an LSTM to read handwritten digits row by row."""

import argparse
import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.command_line import number, run_script
from tf_lstm.errors import UserError
from tf_lstm.recipes import RECIPES


def describe_recipes():
    """A line for each recipe, with its own default of each setting that has a flag."""
    lines = ["recipes:     epochs  batch size  units  learning rate"]
    for recipe in RECIPES.values():
        lines.append(
            f"  {recipe.name:10} {recipe.epochs:6}  {recipe.batch_size:10}  {recipe.units:5}  "
            f"{recipe.learning_rate:13}  {recipe.description}"
        )
    return "\n".join(lines)


def parse_flags():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=describe_recipes(),
    )

    def flag(name, shown_default, text, **options):
        parser.add_argument(name, help=f"{text} (default: {shown_default})", **options)

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
        "of initial values and of the order of images",
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
    flag("--quiet", "off", "print only the result", action="store_true")
    flags = parser.parse_args()
    if flags.overwrite and flags.run is None:
        parser.error("--overwrite gives up the run in the folder that --run names: add that")
    if flags.resume is not None:
        for name in ("recipe", "seed", "engine", "run", *chosen_settings(flags)):
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
    """A new run, as the flags say, and its data."""
    from tf_lstm.data import load_dataset
    from tf_lstm.runs import create_run
    from tf_lstm.startup import cores

    changes = chosen_settings(flags)
    if "epochs" in changes:
        changes["steps"] = None
    recipe = dataclasses.replace(RECIPES[flags.recipe or "default"], **changes)
    dataset = load_dataset(flags.data, recipe.validation)
    seed, engine = flags.seed or 0, flags.engine or "cell"
    run = create_run(
        flags.run, recipe, seed, dataset, flags.overwrite, engine=engine, shards=cores()
    )
    return run, dataset


def resume(flags):
    """An interrupted run, and its data."""
    from tf_lstm.data import load_dataset
    from tf_lstm.runs import open_run

    run = open_run(flags.resume or None)
    if run.is_finished:
        raise UserError(f"{run.folder} is finished already: there is nothing to resume.")
    data = run.settings["data"]
    dataset = load_dataset(flags.data or data["source"], run.recipe.validation)
    if dataset.checksum != data["checksum"]:
        raise UserError(
            f"{dataset.source} is not the data that {run.folder} was trained on so far: name that "
            "with --data."
        )
    return run, dataset


def main():
    flags = parse_flags()

    from tf_lstm.startup import import_tensorflow

    import_tensorflow()
    from tf_lstm.training import train

    run, dataset = begin(flags) if flags.resume is None else resume(flags)
    with run.locked():
        train(run, dataset, flags.quiet)
    plot = "python scripts/plot_row_predictions.py"
    print(f"next     {plot} --run {flags.run}" if flags.run else f"next     {plot}")


if __name__ == "__main__":
    run_script(main)
