"""Writes one output of each kind, for test_crash_points.py: `write_outputs.py FILE SEED`."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tf_lstm.engines.build import build_model
from tf_lstm.export.archive import save_archive
from tf_lstm.export.page import save_page
from tf_lstm.export.saved_model import save_litert, save_saved_model
from tf_lstm.plots.animation import save_animation
from tf_lstm.plots.row_predictions import Prediction
from tf_lstm.plots.statistics import row_statistics
from tf_lstm.plots.style import save_figure
from tf_lstm.plots.summary_tables import save_tables
from tf_lstm.recipes import DEFAULT
from tf_lstm.results.records import Result, add_result, settings_text
from tf_lstm.terminal.exit import run_script
from tf_lstm.terminal.files import write_markdown

SHORT = dataclasses.replace(DEFAULT, units=2, time_steps=4)  # is traced quickly


def write_figure(path, seed):
    figure = Figure()
    figure.subplots().plot([seed, 1])
    save_figure(figure, path)


def write_animation(path, seed):
    source = np.random.default_rng(seed)
    image, logits = source.integers(0, 256, (2, 28), np.uint8), source.random((2, 10))
    save_animation(Prediction(image, 3, logits / logits.sum(1, keepdims=True), "toy"), path)


def write_summary(path, seed):
    source = np.random.default_rng(seed)
    statistics = row_statistics(source.dirichlet([1] * 10, (20, 28)), np.arange(20) % 10)
    save_tables({"toy": statistics}, path)


def write_csv(path, seed):
    add_result(path, Result("default", seed, "toy", 0.5, 0.25, 60.0, settings_text(DEFAULT)))


def write_page(path, seed):
    model = build_model(dataclasses.replace(DEFAULT, units=2), seed)
    save_page(model, path, "toy", [*"0123456789"])


WRITERS = {
    "figure.png": write_figure,
    "figure.svg": write_figure,
    "figure.pdf": write_figure,
    "animation.gif": write_animation,
    "summary": write_summary,
    "results.csv": write_csv,
    "results.md": lambda path, seed: write_markdown(path, f"seed {seed}"),
    "network.html": write_page,
    "network.npz": lambda path, seed: save_archive(build_model(SHORT, seed), path),
    "network.tflite": lambda path, seed: save_litert(build_model(SHORT, seed), path),
    "network.savedmodel": lambda path, seed: save_saved_model(build_model(SHORT, seed), path),
}


if __name__ == "__main__":
    path = Path(sys.argv[1])
    run_script(lambda: WRITERS[path.name](path, int(sys.argv[2])))
