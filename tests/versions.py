"""Tries the oldest and the newest versions in requirements.txt, each in its own environment.

    python tests/versions.py            makes the environments in a temporary folder, one at a time
    python tests/versions.py --only 3   tries the third one; PATH may follow, of an environment

It takes about 5 minutes and 3 GB for each, which are deleted again. It prints a table for
tests/README.md. This is not a part of the tests.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
OLD = ("tensorflow==2.16.2", "numpy==1.26.4", "matplotlib==3.9.0")
NEW = ("-r", str(REPOSITORY / "requirements.txt"))
ENVIRONMENTS = (  # Python, what pip installs
    ("3.10", (*OLD, "keras==3.3.3")),
    ("3.10", NEW),  # Keras 3.12
    ("3.11", (*OLD, "keras==3.13.*")),
    ("3.12", ("tensorflow==2.18.1", "keras==3.10.*", "matplotlib==3.10.*")),
    ("3.12", ("tensorflow==2.19.1", "keras==3.10.*", "matplotlib==3.10.*")),
    ("3.13", ("tensorflow==2.20.0", "keras==3.13.*", "matplotlib==3.10.*")),
    ("3.11", NEW),
    ("3.13", NEW),
)
COMMANDS = (
    "tutorial.py",
    "train_mnist.py --units 8 --epochs 1 --run RUN",
    "train_mnist.py --engine folded --units 8 --epochs 1 --run RUN --overwrite",
    "plot_row_predictions.py --run RUN --output OUT/rows.png",
    "plot_row_predictions.py --gates --run RUN --output OUT/gates.png",
    "plot_row_predictions.py --summary --run RUN --output OUT/summary.png",
    "export_model.py --run RUN --output OUT/page.html",
    "export_model.py --run RUN --output OUT/model.npz",
    "export_model.py --run RUN --output OUT/model.savedmodel",
    "export_model.py --run RUN --output OUT/model.tflite",
    "export_model.py --output OUT/default.html",
)
MUON = "train_mnist.py --recipe quick --units 8 --run OUT/quick"
TESTS = [f"test_{name}.py" for name in ("cells", "inside", "recurrence", "rows", "tutorial")]
PRINT_VERSIONS = """
import platform
from importlib.metadata import version
print(platform.python_version(), *map(version, ("tensorflow", "keras", "numpy", "matplotlib")))
"""
DIGITS = """
import sys
sys.path[:0] = ["tests", "."]
from tf_lstm.terminal.startup import import_tensorflow
import_tensorflow()
from pathlib import Path
from saved_runs import write_digits
write_digits(Path(sys.argv[1]), 600)
"""


def find_python(minor: str) -> str:
    """A Python of this minor version, from the path or from pyenv."""
    if found := shutil.which(f"python{minor}"):
        if subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return found  # pyenv's stand-ins fail for versions that are not activated
    folder = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv", "versions").expanduser()
    return str(next(folder.glob(f"{minor}.*/bin/python"), f"python{minor}"))


def install(folder: Path, minor: str, packages: tuple[str, ...]) -> None:
    """Make an environment with these packages and those that the tests need."""
    subprocess.run([find_python(minor), "-m", "venv", folder], check=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--no-cache-dir"]
    subprocess.run([*command, *packages, "pytest", "pytest-xdist"], check=True)


def try_environment(environment: Path, folder: Path) -> tuple[list[str], list[str]]:
    """The versions in an environment, and what failed or printed on standard error."""
    variables = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    variables["MNIST_DIR"] = str(folder / "digits.npz")
    problems = []

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["nice", str(environment / "bin" / "python"), *arguments]
        options = {"capture_output": True, "text": True, "env": variables}
        return subprocess.run(command, cwd=folder / "copy", **options)

    for name in ("tf_lstm", "scripts", "tests", "figures/gallery/default"):
        shutil.copytree(REPOSITORY / name, folder / "copy" / name)
    for name in ("README.md", "requirements.txt"):
        shutil.copy(REPOSITORY / name, folder / "copy")
    versions = python("-c", PRINT_VERSIONS).stdout.split()
    python("-c", DIGITS, str(folder / "digits.npz"))
    for command in (*COMMANDS, MUON):
        words = command.replace("RUN", str(folder / "run")).replace("OUT", str(folder)).split()
        done = python(f"scripts/{words[0]}", *words[1:])
        keras = [int(number) for number in versions[2].split(".")[:2]]
        refused = command == MUON and keras < [3, 13]
        if (done.returncode, done.stderr.count("\n")) != ((2, 1) if refused else (0, 0)):
            problems.append(f"{command}: status {done.returncode}\n{done.stderr}")
    paths = [f"tests/{name}" for name in TESTS]
    done = python("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *paths)
    if done.returncode:
        problems.append(done.stdout)
    return versions, problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, help="number of the environment to try, from 1")
    parser.add_argument("path", nargs="?", help="an existing environment for --only")
    flags = parser.parse_args()
    print(
        "| Python | TensorFlow | Keras | NumPy | matplotlib | result |\n|---|---|---|---|---|---|"
    )
    failed = False
    for number, (minor, packages) in enumerate(ENVIRONMENTS, 1):
        if flags.only not in (None, number):
            continue
        with tempfile.TemporaryDirectory() as folder:
            environment = Path(flags.path or Path(folder, "environment")).absolute()
            if not flags.path:
                install(environment, minor, packages)
            versions, problems = try_environment(environment, Path(folder))
        without = "" if [int(n) for n in versions[2].split(".")[:2]] >= [3, 13] else ", no Muon"
        result = "failed" if problems else f"works{without}"
        print(f"| {' | '.join([*versions, result])} |", flush=True)
        print("".join(problems), end="", file=sys.stderr, flush=True)
        failed |= bool(problems)
    sys.exit(failed)


if __name__ == "__main__":
    main()
