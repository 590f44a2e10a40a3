"""Recreate the figures of the first two sections of figures/README.md, training included.

This takes about half an hour. With MNIST, the figures are written to figures/gallery/ and the runs
to runs/gallery/; with other data, to folders beside these that are named after the data. The
networks of benchmarks/reference_networks.py and benchmarks/gradients_through_time.py are not
trained again. reproduce_results.py and the scripts in benchmarks/ recreate the results and the
tables.
"""

import argparse
import os
import re
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.exit import run_program, run_script
from tf_lstm.terminal.files import atomic_path, write_text_atomically
from tf_lstm.terminal.flags import REPOSITORY, FlagParser, number

TUTORIAL = Path("figures/tutorial.png")  # where tutorial.py writes its figure
PLOT = "plot_row_predictions.py"
REFERENCES = " --reference figures/gallery/reference_by_row.csv"
STEPS = (  # minutes on two cores, and the command; RUNS and FIGURES stand for folders
    (1.0, "tutorial.py"),
    (0.5, "train_mnist.py --recipe basic --run RUNS/basic --overwrite"),
    (1.0, "train_mnist.py --run RUNS/default --overwrite"),
    (0.1, "export_model.py --run RUNS/default --output FIGURES/draw_a_digit.html"),
    (0.2, f"{PLOT} --run RUNS/default --output FIGURES/row_predictions.png"),
    (0.2, f"{PLOT} --run RUNS/basic --output FIGURES/row_predictions_basic.png"),
    (0.3, f"{PLOT} --animate --run RUNS/default --output FIGURES/row_predictions.gif"),
    (0.2, f"{PLOT} --depth --run RUNS/default --output FIGURES/row_depth.png"),
    (0.2, f"{PLOT} --gates --run RUNS/default --output FIGURES/gates.png"),
    (0.2, f"{PLOT} --saliency --run RUNS/default --output FIGURES/saliency.png"),
    (0.2, f"{PLOT} --diagram --run RUNS/default --output FIGURES/network.png"),
    (1.0, "train_mnist.py --set loss_rows=last --run RUNS/last-row --overwrite"),
    (
        0.5,
        f"{PLOT} --summary --run RUNS/default --compare RUNS/last-row --compare RUNS/basic "
        "--output FIGURES/row_summary.png",
    ),
    (9.0, "learn_alphabet.py --seeds 5 --output FIGURES/alphabet.png"),
    (
        15.0,
        "train_mnist.py --recipe early --engine folded --precision mixed_bfloat16 "
        "--run RUNS/early --overwrite",
    ),
    (
        0.5,
        f"{PLOT} --summary --run RUNS/early --compare RUNS/default{REFERENCES} "
        "--output FIGURES/row_summary_early.png",
    ),
)


def keep_network(folder: str, copy: Path) -> None:
    """Copy the files with which a run can be used; its data is "mnist", as on any machine."""
    from tf_lstm.runs.locate import open_run

    run = open_run(REPOSITORY / folder)
    data = replace(run.settings.data, source="mnist")
    copy.mkdir(exist_ok=True)
    write_text_atomically(copy / "settings.json", replace(run.settings, data=data).to_json())
    for name in ("history.csv", "test_result.json"):
        shutil.copyfile(run.folder / name, copy / name)
    kept = Path("checkpoints", "kept")
    shutil.rmtree(copy / kept, ignore_errors=True)
    shutil.copytree(run.folder / kept, copy / kept)


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


def folder_name(data: str) -> str:
    """The folder in figures/ and in runs/: "gallery" for MNIST, else one named after the data."""
    return "gallery" if data == "MNIST" else re.sub(r"\W+", "-", data).strip("-")


def main() -> None:
    flags = parse_flags()
    from tf_lstm.data.dataset import load_dataset
    from tf_lstm.plots.lstm_cell import lstm_cell_figure
    from tf_lstm.plots.style import save_figure
    from tf_lstm.results.records import Reference, read_results

    # All commands use the same data. Its path is absolute, because they run in the repository.
    dataset = load_dataset(flags.data)
    environment = os.environ | {"MNIST_DIR": dataset.source}
    name = folder_name(dataset.name)
    folders = {"FIGURES": f"figures/{name}", "RUNS": f"runs/{name}"}
    references = read_results(REPOSITORY / REFERENCES.split()[1], Reference)
    has_references = any(line.data == dataset.name for line in references)
    remaining = STEPS[flags.first - 1 :]
    minutes = [minutes for minutes, _ in remaining]
    print(f"{len(remaining)} commands, about {sum(minutes):.0f} minutes on two cores")
    print(f"data {dataset.name}, figures in {folders['FIGURES']}", flush=True)
    started = time.monotonic()
    save_figure(lstm_cell_figure(), REPOSITORY / folders["FIGURES"] / "lstm_cell.png")  # no data
    for index, (_, command) in enumerate(remaining):
        left, place = sum(minutes[index:]), flags.first + index
        if REFERENCES in command and not has_references:
            print(f"\nThere are no reference networks for {dataset.name}: they are left out.")
            command = command.replace(REFERENCES, "")
        for stand_in, folder in folders.items():
            command = command.replace(stand_in, folder)
        print(f"\n{place}/{len(STEPS)}, {left:.0f} min left: {command}", flush=True)
        script, *arguments = command.split()
        if index == 0:
            arguments = resumed(arguments, dataset.source)
        program = [sys.executable, REPOSITORY / "scripts" / script, *arguments]
        remedy = f"continue with --first {place}"
        if status := run_program(program, remedy, cwd=REPOSITORY, env=environment):
            raise UserError(
                f"{script} failed with status {status}: fix what it reports above, and {remedy}."
            )
        if (script, name) == ("export_model.py", "gallery"):
            keep_network("runs/gallery/default", REPOSITORY / folders["FIGURES"] / "default")
        if script == "tutorial.py":  # it has no flags
            with atomic_path(REPOSITORY / folders["FIGURES"] / TUTORIAL.name, (".png",)) as copy:
                shutil.copyfile(REPOSITORY / TUTORIAL, copy)
    print(f"\nall done in {(time.monotonic() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    run_script(main)
