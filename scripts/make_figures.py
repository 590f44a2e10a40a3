"""Make the figures of the README again, from training to picture.

The results and the benchmarks take hours, so they have commands of their own:
reproduce_results.py, benchmark.py, benchmark_accuracy.py and benchmark_workers.py.
"""

import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tf_lstm.command_line import FlagParser, run_script
from tf_lstm.errors import UserError

RUNS = "runs/figures"
# Minutes on two cores, and the command.
STEPS = (
    (0.5, f"train_mnist.py --recipe basic --run {RUNS}/basic --overwrite"),
    (1.0, f"train_mnist.py --run {RUNS}/default --overwrite"),
    (0.2, f"plot_row_predictions.py --run {RUNS}/default"),
    (
        0.2,
        f"plot_row_predictions.py --run {RUNS}/basic --output figures/row_predictions_basic.png",
    ),
    (0.3, f"plot_row_predictions.py --animate --run {RUNS}/default"),
    (0.2, f"plot_row_predictions.py --depth --run {RUNS}/default"),
    (0.5, f"plot_row_predictions.py --summary --run {RUNS}/default --compare {RUNS}/basic"),
    (6.0, "learn_alphabet.py --seeds 5 --output figures/alphabet.png"),
    (5.0, "train_reference.py"),
    (14.0, f"train_mnist.py --recipe early --engine folded --run {RUNS}/early --overwrite"),
    (
        0.5,
        f"plot_row_predictions.py --summary --run {RUNS}/early --compare {RUNS}/default "
        "--reference figures/reference_by_row.csv --output figures/row_summary_early.png",
    ),
)


def parse_flags():
    parser = FlagParser(__doc__)
    parser.flag("--data", "as in train_mnist.py", "what to train on", metavar="PATH")
    return parser.parse_args()


def main():
    flags = parse_flags()
    minutes = [minutes for minutes, _ in STEPS]
    print(f"{len(STEPS)} commands, about {sum(minutes):.0f} minutes on two cores", flush=True)
    started = time.monotonic()
    for number, (_, command) in enumerate(STEPS):
        left = sum(minutes[number:])
        print(f"\n{number + 1}/{len(STEPS)}, {left:.0f} min left: {command}", flush=True)
        script, *rest = command.split()
        if flags.data and script in ("train_mnist.py", "train_reference.py"):
            rest += ["--data", str(Path(flags.data).resolve())]
        result = subprocess.run(
            [sys.executable, REPOSITORY / "scripts" / script, *rest], cwd=REPOSITORY
        )
        if result.returncode:
            raise UserError(
                f"{script} ended with status {result.returncode}: mend what it says above, and "
                "start again."
            )
    print(f"\nall done in {(time.monotonic() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    run_script(main)
