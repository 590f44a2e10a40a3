"""The flags of train_mnist.py. This module needs no TensorFlow, so `--help` is quick."""

import argparse
import dataclasses
from collections.abc import Callable

from tf_lstm.engines.cluster import STRATEGIES, cluster_and_task
from tf_lstm.engines.names import ENGINES, usable_engine
from tf_lstm.field_checks import parse_field
from tf_lstm.recipes import RECIPES
from tf_lstm.settings import PRECISIONS, SETTINGS, Precision, Recipe
from tf_lstm.terminal.flags import FlagParser, number

SHORTHANDS = {  # flags for the settings that are changed most often
    "epochs": "passes over the training images",
    "batch_size": "training images per step",
    "units": "size of the LSTM's hidden state",
    "learning_rate": "the peak learning rate",
}
# Flags that --resume refuses: a run's settings do not change.
SETTLED = (
    *("recipe", "seed", "engine", "precision", "run", "overwrite", "strategy", "replicas", "set"),
    "initial_weights",
    *SHORTHANDS,
)


def describe_recipes() -> str:
    """A line for each recipe, with its value of each setting that has a flag."""
    width = max(map(len, RECIPES))
    lines = [f"{'recipes:':{width + 2}} epochs  batch size  units  learning rate"]
    for recipe in RECIPES.values():
        lines.append(
            f"  {recipe.name:{width}} {recipe.epochs:6}  {recipe.batch_size:10}  {recipe.units:5}  "
            f"{recipe.learning_rate:13}  {recipe.description}"
        )
    return "\n".join([*lines, "", f"settings (see tf_lstm/settings.py): {', '.join(SETTINGS)}"])


def parse_flags(description: str | None) -> argparse.Namespace:
    """Parse and check the command line.

    Returns:
        The flags, with `recipe_settings`: the `Recipe` with all changes, or None with --resume.
    """
    parser = FlagParser(description, epilog=describe_recipes())
    flag = parser.flag
    flag("--recipe", "settings to train with, one of the names below", shown="default",
         choices=RECIPES, metavar="NAME")  # fmt: skip
    for name, text in SHORTHANDS.items():
        flag("--" + name.replace("_", "-"), text, shown="the recipe's", type=setting(name))
    flag("--set", "change any setting of the recipe; may be repeated", [], shown="none",
         action="append", type=setting(), metavar="NAME=VALUE")  # fmt: skip
    flag("--seed", "seed of everything random: initial values, epoch orders, dropout, augmentation",
         shown=0, type=number(int, 0, 2**32 - 1))  # fmt: skip
    parser.add_data()
    flag("--run", "a new folder for the run", shown="runs/RECIPE-DATE-TIME", metavar="FOLDER")
    flag("--overwrite", "delete the run that is already in the --run folder", False)
    flag("--engine", "how the layers are computed: `cell` unrolls Keras' cell, `gates` the "
         "written-out equations; `folded` computes the same LSTM with fewer operations, `loop` in "
         "a loop within the graph", shown="cell", choices=ENGINES)  # fmt: skip
    flag("--precision", "`mixed_bfloat16` computes matrix products in bfloat16, the rest "
         "in float32, for `--engine folded`; `auto` takes the faster one here", shown="float32",
         choices=(*PRECISIONS, "auto"))  # fmt: skip
    flag("--initial-weights", "start from the weights of a finished run or of an exported "
         "MODEL.npz, to train them for longer or on other data", shown="random values",
         metavar="FOLDER")  # fmt: skip
    flag("--resume", "continue an interrupted run with its own settings", nargs="?", const="",
         shown="the newest run", metavar="FOLDER")  # fmt: skip
    flag("--device", "`cpu` leaves a GPU unused", shown="a GPU if there is one", choices=("cpu",))
    flag("--strategy", "`mirrored` trains on several GPUs, or on logical CPU devices; "
         "`multi-worker` on several machines, named in TF_CONFIG", shown="none",
         choices=STRATEGIES)  # fmt: skip
    flag("--replicas", "the number of devices that `--strategy mirrored` uses",
         shown="all GPUs, or 2 logical CPU devices", type=number(int, 1, 64))  # fmt: skip
    flag("--quiet", "print only the result", False)
    flags = parser.parse_args()
    check_combinations(parser, flags)
    flags.recipe_settings = None
    if flags.resume is None:
        flags.recipe_settings = chosen_recipe(parser, flags)
        precision: Precision = (
            "mixed_bfloat16" if flags.precision == "mixed_bfloat16" else "float32"
        )
        try:
            usable_engine(flags.engine or "cell", flags.recipe_settings, precision)
        except ValueError as error:
            parser.error(f"these settings do not fit together: {error}")
    if flags.strategy == "multi-worker":
        cluster_and_task()  # reports a wrong TF_CONFIG before TensorFlow is imported
    return flags


def check_combinations(parser: argparse.ArgumentParser, flags: argparse.Namespace) -> None:
    """Refuse flags that contradict each other."""
    if flags.resume is not None:
        for name in SETTLED:
            if getattr(flags, name) not in (None, [], False):
                parser.error(
                    "--resume continues with the run's own settings: leave out "
                    f"--{name.replace('_', '-')}"
                )
    elif flags.overwrite and flags.run is None:
        parser.error("--overwrite deletes the run in the folder that --run names: add --run")
    elif flags.replicas is not None and flags.strategy != "mirrored":
        parser.error("--replicas needs --strategy mirrored: add that flag, or leave out --replicas")
    elif flags.precision == "mixed_bfloat16" and flags.engine != "folded":
        parser.error("--precision mixed_bfloat16 needs --engine folded: add that flag")
    elif flags.precision == "auto" and flags.strategy == "multi-worker":
        parser.error("--precision auto may differ from worker to worker: name a precision")
    elif flags.strategy == "multi-worker" and flags.run is None:
        parser.error("--strategy multi-worker needs --run: a folder that all workers can read")


def setting(name: str = "") -> Callable[[str], tuple[str, object]]:
    """An argparse type: the value of the setting `name`, or NAME=VALUE; as (name, value)."""

    def parse(text: str) -> tuple[str, object]:
        try:
            return parse_field(Recipe, f"{name}={text}" if name else text, SETTINGS)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def chosen_recipe(parser: argparse.ArgumentParser, flags: argparse.Namespace) -> Recipe:
    """The recipe that the flags name, with their changes."""
    shorthands = [getattr(flags, name) for name in SHORTHANDS if getattr(flags, name) is not None]
    changes = dict([*shorthands, *flags.set])
    recipe = RECIPES[flags.recipe or "default"]
    if changes:
        changed = ", ".join(f"{name}={value}" for name, value in changes.items())
        recipe = dataclasses.replace(recipe, description=f"{recipe.description}; with {changed}")
    if "epochs" in changes:  # a recipe's max_steps would override them
        changes.setdefault("max_steps", None)
    try:
        return dataclasses.replace(recipe, **changes)
    except ValueError as error:
        parser.error(f"these settings do not fit together: {error}")
