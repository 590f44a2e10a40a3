"""Train every recipe over several seeds, and set the accuracies beside the published ones.

Finished runs are kept in the CSV file and are not run again; one that was interrupted goes on where
it was. Every run is `train_mnist.py` in a process of its own, in runs/results.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tf_lstm.command_line import FlagParser, number, run_script
from tf_lstm.errors import Interrupted, UserError
from tf_lstm.recipes import RECIPES

LONG_RECIPES = ("steps-784",)  # long runs, made only when they are named


def parse_flags():
    parser = FlagParser(__doc__)
    flag = parser.flag

    flag(
        "--recipe",
        f"all but {', '.join(LONG_RECIPES)}",
        f"a recipe to run, may be repeated: {', '.join(RECIPES)}",
        action="append",
        choices=RECIPES,
        metavar="NAME",
    )
    flag("--seeds", 3, "how many runs of each", type=number(int, 1, 1000), default=3, metavar="N")
    flag("--seed", 0, "the first seed", type=number(int, 0, 10**6), default=0, metavar="N")
    flag("--data", "as in train_mnist.py", "what to train on", metavar="PATH")
    flag(
        "--output",
        "figures/results.csv",
        "CSV file of all finished runs; a table (.md) and a figure (.png) are written beside it",
        type=Path,
        default=REPOSITORY / "figures" / "results.csv",
        metavar="FILE",
    )
    return parser.parse_args()


def train_in_a_process(recipe, seed, data, dataset):
    """Train a recipe, or go on with its interrupted training; return the finished `Run`.

    Raises:
        Interrupted: the training was; it can be gone on with.
        UserError: it failed, and has said why.
    """
    from tf_lstm.results import settings_checksum
    from tf_lstm.runs import RUNS, open_run

    folder = RUNS / "results" / f"{recipe.name}-{settings_checksum(recipe)}-{seed}"
    if (folder / "settings.json").exists():
        run = open_run(folder)
        if run.settings["data"]["checksum"] != dataset.checksum:
            raise UserError(f"{folder} was trained on other data: move it away.")
        if run.is_finished:
            return run
        flags = ["--resume", folder]
    else:
        flags = ["--recipe", recipe.name, "--seed", seed, "--run", folder, "--engine", "folded"]
    if data:
        flags += ["--data", data]
    command = [sys.executable, REPOSITORY / "scripts" / "train_mnist.py", *flags]
    # Ctrl-C reaches the training as well, which saves itself and says how to go on.
    process = subprocess.Popen(list(map(str, command)))
    try:
        status = process.wait()
    except KeyboardInterrupt:
        status = process.wait()
    if status > 128 or status < 0:
        raise Interrupted("Stopped; the same command goes on from here.", abs(status) % 128)
    if status:
        raise UserError(f"The training in {folder} failed: see above.")
    return open_run(folder)


def result_of(run, recipe):
    """The `Result` of a finished run."""
    from tf_lstm.results import Result, settings_checksum

    test = json.loads((run.folder / "test_result.json").read_text(encoding="utf-8"))
    history = run.read_history()
    return Result(
        recipe=recipe.name,
        settings=settings_checksum(recipe),
        seed=run.settings["seed"],
        data=run.settings["data"]["name"],
        # Of weights that were chosen by it, so the largest; nan stays nan.
        validation_accuracy=round(max(row["validation_accuracy"] for row in history), 6),
        test_accuracy=round(test["accuracy"], 6),
        test_loss=round(test["loss"], 6),
        seconds=round(sum(row["seconds"] for row in history), 1),
    )


def describe_time_left(results, left):
    """How long the runs of `left` recipes should take, by what is known of them; "" if nothing."""
    from tf_lstm.results import current

    seconds = 0.0
    for recipe in left:
        known = current(results, recipe)
        if not known:
            return ""
        seconds += sum(result.seconds for result in known) / len(known)
    return f", about {seconds / 60:.0f} min left"


def main():
    flags = parse_flags()
    chosen = flags.recipe or [name for name in RECIPES if name not in LONG_RECIPES]
    recipes = [RECIPES[name] for name in dict.fromkeys(chosen)]

    from tf_lstm.startup import import_tensorflow

    import_tensorflow()
    from tf_lstm.data import load_dataset
    from tf_lstm.figures import save_figure
    from tf_lstm.files import write_whole
    from tf_lstm.results import current, read_results, results_table, write_results
    from tf_lstm.results_figure import results_figure

    results = read_results(flags.output)
    dataset = load_dataset(flags.data)
    if other := {result.data for result in results} - {dataset.name}:
        raise UserError(
            f"{flags.output} holds results on {', '.join(sorted(other))}, and this is "
            f"{dataset.name}: name another --output."
        )
    # Seed by seed, so that an unfinished comparison has something of every recipe.
    wanted = [
        (recipe, seed)
        for seed in range(flags.seed, flags.seed + flags.seeds)
        for recipe in recipes
        if seed not in [result.seed for result in current(results, recipe)]
    ]
    for count, (recipe, seed) in enumerate(wanted):
        left = describe_time_left(results, [recipe for recipe, _ in wanted[count:]])
        print(f"\n{recipe.name}, seed {seed}: run {count + 1} of {len(wanted)}{left}", flush=True)
        started = time.monotonic()
        run = train_in_a_process(recipe, seed, flags.data, dataset)
        results.append(result_of(run, recipe))
        write_results(results, flags.output)
        print(f"{recipe.name}, seed {seed}: done in {time.monotonic() - started:.0f} s")
    if not any(current(results, recipe) for recipe in RECIPES.values()):
        raise UserError(f"{flags.output} holds no results of these recipes.")
    table = results_table(results)
    write_whole(flags.output.with_suffix(".md"), table)
    save_figure(results_figure(results), flags.output.with_suffix(".png"))
    print(f"\n{table}")


if __name__ == "__main__":
    run_script(main)
