"""Recreate the figures of the first two sections of figures/README.md, training included.

This takes about half an hour. The reference networks are not trained again if their accuracies are
in figures/reference_by_row.csv. reproduce_results.py and the other scripts in benchmarks/ recreate
the results and the tables.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_program, run_script
from tf_lstm.terminal.flags import REPOSITORY, FlagParser, number

RUNS = "runs/figures"
PLOT = "plot_row_predictions.py"
STEPS = (  # minutes on two cores, and the command
    (1.0, "tutorial.py"),
    (0.5, f"train_mnist.py --recipe basic --run {RUNS}/basic --overwrite"),
    (1.0, f"train_mnist.py --run {RUNS}/default --overwrite"),
    (0.2, f"{PLOT} --run {RUNS}/default"),
    (0.2, f"{PLOT} --run {RUNS}/basic --output figures/row_predictions_basic.png"),
    (0.3, f"{PLOT} --animate --run {RUNS}/default"),
    (0.2, f"{PLOT} --depth --run {RUNS}/default"),
    (0.2, f"{PLOT} --diagram --run {RUNS}/default"),
    (1.0, f"train_mnist.py --set loss_rows=last --run {RUNS}/last-row --overwrite"),
    (
        0.5,
        f"{PLOT} --summary --run {RUNS}/default --compare {RUNS}/last-row --compare {RUNS}/basic",
    ),
    (6.0, "learn_alphabet.py --seeds 5 --output figures/alphabet.png"),
    (0.5, "benchmarks/reference_networks.py --widths 32"),
    (
        15.0,
        "train_mnist.py --recipe early --engine folded --precision mixed_bfloat16 "
        f"--run {RUNS}/early --overwrite",
    ),
    (
        0.5,
        f"{PLOT} --summary --run {RUNS}/early --compare {RUNS}/default "
        "--reference figures/reference_by_row.csv --output figures/row_summary_early.png",
    ),
)


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = FlagParser(__doc__)
    parser.add_data()
    parser.flag("--first", "number of the command to start with; resumes its interrupted run", 1,
                type=number(int, 1, len(STEPS)))  # fmt: skip
    return parser.parse_args()


def resumed(arguments: list[str], data: str) -> list[str]:
    """The arguments of train_mnist.py with which it resumes the run, if that was interrupted.

    With other data than the run's, train_mnist.py refuses to resume it.
    """
    if "--overwrite" not in arguments:
        return arguments
    folder = arguments[arguments.index("--run") + 1]
    files = [REPOSITORY / folder / name for name in ("settings.json", "test_result.json")]
    interrupted = [file.exists() for file in files] == [True, False]
    return ["--resume", folder, "--data", data] if interrupted else arguments


def main() -> None:
    flags = parse_flags()
    from tf_lstm.data.dataset import load_dataset

    # All commands use the same data. Its path is absolute, because they run in the repository.
    data = load_dataset(flags.data).source
    environment = os.environ | {"MNIST_DIR": data}
    remaining = STEPS[flags.first - 1 :]
    minutes = [minutes for minutes, _ in remaining]
    print(f"{len(remaining)} commands, about {sum(minutes):.0f} minutes on two cores", flush=True)
    started = time.monotonic()
    for index, (_, command) in enumerate(remaining):
        left, place = sum(minutes[index:]), flags.first + index
        print(f"\n{place}/{len(STEPS)}, {left:.0f} min left: {command}", flush=True)
        script, *arguments = command.split()
        if index == 0:
            arguments = resumed(arguments, data)
        program = [sys.executable, REPOSITORY / "scripts" / script, *arguments]
        remedy = f"continue with --first {place}"
        if status := run_program(program, remedy, cwd=REPOSITORY, env=environment):
            raise UserError(
                f"{script} failed with status {status}: fix what it reports above, and {remedy}."
            )
    print(f"\nall done in {(time.monotonic() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    run_script(main)
