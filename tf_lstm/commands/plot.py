"""What scripts/plot_row_predictions.py does after it has parsed its flags."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tf_lstm.data.dataset import Dataset, Split, load_dataset
from tf_lstm.data.photo import read_photo
from tf_lstm.evaluation import row_predictions
from tf_lstm.inside import contributions, evidence, gates_and_states, importance, saliency
from tf_lstm.model import RowClassifier
from tf_lstm.plots.animation import save_animation
from tf_lstm.plots.depth import row_depth_figure
from tf_lstm.plots.gates import Inside, gates_figure
from tf_lstm.plots.network import network_figure
from tf_lstm.plots.row_predictions import Prediction, row_predictions_figure
from tf_lstm.plots.saliency import ROWS, saliency_figure
from tf_lstm.plots.statistics import row_statistics
from tf_lstm.plots.style import save_figure, show_figure
from tf_lstm.plots.summary import row_summary_figure
from tf_lstm.plots.summary_tables import save_tables
from tf_lstm.results.records import reference_accuracies
from tf_lstm.runs.locate import TRAINED, open_run, open_trained_run
from tf_lstm.runs.run import Run
from tf_lstm.terminal.errors import UserError
from tf_lstm.terminal.progress import short_path

# A 4 of MNIST's test images that looks like a 6 until enough of its second stroke is read.
INSTRUCTIVE_INDEX = 1938
IMAGES_TO_EXPLAIN = 300  # for the map of --saliency


def plot(flags: argparse.Namespace) -> None:
    """Plot what the flags choose, and write the figure."""
    runs = [open_trained_run(flags.run), *map(open_run, flags.compare)]
    for run in runs:
        run.require_rows()
    is_summary = flags.kind == "summary"
    figure, result = plot_summary(flags, runs) if is_summary else plot_image(flags, runs[0])
    if figure is not None:
        save_figure(figure, flags.output)
    print(f"{result}\nfigure {short_path(flags.output)}")
    if flags.show:
        show_figure(figure)


def plot_image(flags: argparse.Namespace, run: Run) -> tuple[Figure | None, str]:
    """The figure of one image, and a line with the prediction.

    The figure is None for an animation, which is saved already.
    """
    recipe = run.recipe
    layers = (recipe.input_projection, recipe.layers, recipe.bidirectional, recipe.pad_columns)
    if flags.kind == "diagram" and (*layers, recipe.cell) != (True, 1, False, 0, "lstm"):
        raise UserError(
            "--diagram needs an input projection of 28 columns and one LSTM layer in one "
            f"direction, unlike {run.folder} ({recipe.name}): choose another run."
        )
    if flags.kind in ("gates", "saliency") and recipe.bidirectional:
        raise UserError(
            f"--{flags.kind} needs a network that reads in one direction, unlike {run.folder} "
            f"({recipe.name}): choose another run."
        )
    if flags.layer and flags.layer > recipe.layers:
        raise UserError(f"--layer {flags.layer} is too large: {run.folder} has {recipe.layers}.")
    model = run.kept_model()
    if flags.image is not None:
        photo = read_photo(flags.image)
        image, label = photo.image, None
        title = f"{Path(flags.image).name}, as the network sees it"
    else:
        dataset = load_run_data(run, flags.data)
        split, index = getattr(dataset, flags.split), choose_index(flags, dataset)
        image, label = split.images[index], int(split.labels[index])
        title = f"{dataset.name}, {flags.split} image {index}"
    title = f"{title}, run {run.folder.name}"
    probabilities = row_predictions(model, image[None])[0]  # (time steps, classes)
    prediction = Prediction(image, label, probabilities, title, run.settings.data.class_names)
    result = f"{title}: {prediction.summarize()}"
    if flags.image is not None and photo.doubt:
        result += f"\n{flags.image} may be misread: {photo.doubt}."
    if flags.kind == "animate":
        save_animation(prediction, flags.output)
        return None, result
    if flags.kind == "gates":
        return plot_gates(prediction, model, flags.layer), result
    if flags.kind == "saliency":
        return plot_saliency(prediction, model, load_run_data(run, flags.data).test.images), result
    figures = {"depth": row_depth_figure, "diagram": network_figure, None: row_predictions_figure}
    return figures[flags.kind](prediction), result


def plot_gates(prediction: Prediction, model: RowClassifier, layer: int | None) -> Figure:
    """The gates and states of a layer, from 1; None for the last one, which makes the logits."""
    images, count = prediction.image[np.newaxis], len(model.layers)
    values = gates_and_states(model, images)[layer - 1 if layer else -1]
    added = contributions(model, images)[0, -1] if layer in (None, count) else None
    name = f"layer {layer or count} of {count}, " if count > 1 else ""
    one_image = {key: value[0] for key, value in values.items()}
    return gates_figure(prediction, Inside(one_image, added, evidence(model, images)[0], name))


def plot_saliency(prediction: Prediction, model: RowClassifier, images: np.ndarray) -> Figure:
    """The pixels that moved the prediction, and how long rows matter for some test images."""
    predicted = prediction.probabilities.argmax(axis=1)
    gradients = [
        saliency(model, prediction.image[np.newaxis], row, predicted[[row - 1]])[0] for row in ROWS
    ]
    some = images[:IMAGES_TO_EXPLAIN]
    return saliency_figure(prediction, gradients, importance(model, some), len(some))


def load_run_data(run: Run, named: str | None) -> Dataset:
    """The data that --data names, or the data that the run was trained on.

    The run that comes with this repository was trained elsewhere: it gets the data that is here.

    Raises:
        UserError: the run's data cannot be loaded, or has changed since.
    """
    if run.folder == TRAINED:
        return load_dataset(named, run.recipe.validation)
    recorded = run.settings.data
    dataset = load_dataset(named or recorded.source, run.recipe.validation)
    if named is None and dataset.checksum != recorded.checksum:
        raise UserError(
            f"{dataset.source} is no longer the data that {run.folder} was trained on: name the "
            "data to use with --data."
        )
    if len(dataset.class_names) > len(recorded.class_names):
        raise UserError(
            f"{dataset.source} has {len(dataset.class_names)} classes, and {run.folder} was "
            f"trained on {len(recorded.class_names)}: name other data with --data."
        )
    return dataset


def chosen_split(flags: argparse.Namespace, dataset: Dataset) -> Split:
    """The images that --split names, of which there is at least one."""
    split = getattr(dataset, flags.split)
    if not len(split.labels):
        raise UserError(f"There are no {flags.split} images: choose another --split.")
    return split


def choose_index(flags: argparse.Namespace, dataset: Dataset) -> int:
    """The index of the image to plot: --index, or the first of --digit.

    Without these flags, it is an instructive 4 of MNIST; in other data, the first image of class
    4, or the first image if there is none.
    """
    labels = chosen_split(flags, dataset).labels
    if flags.index is not None:
        if flags.index < len(labels):
            return flags.index
        raise UserError(
            f"--index {flags.index} is too large: there are {len(labels):,} {flags.split} images, "
            "and indices start at 0."
        )
    if flags.digit is None and (dataset.name, flags.split) == ("MNIST", "test"):
        return INSTRUCTIVE_INDEX
    digit = 4 if flags.digit is None else flags.digit
    indices = (labels == digit).nonzero()[0]
    if not len(indices) and flags.digit is None:
        return 0
    if not len(indices):
        names = dataset.class_names
        name = names[digit] if digit < len(names) else f"{digit}, there are {len(names)} classes"
        raise UserError(f"No {flags.split} image is a {name}: choose another --digit.")
    return int(indices[0])


def plot_summary(flags: argparse.Namespace, runs: list[Run]) -> tuple[Figure, str]:
    """The figure of the statistics of all images, whose tables are saved already; and its title."""
    first, names = runs[0], [run.folder.name for run in runs]
    if len(set(names)) < len(names):
        raise UserError("Two runs of --summary have the same name: rename a folder.")
    models = [run.kept_model() for run in runs]
    dataset = load_run_data(first, flags.data)
    split = chosen_split(flags, dataset)
    reference = reference_accuracies(flags.reference, dataset.name) if flags.reference else {}
    statistics_by_run = {
        name: row_statistics(row_predictions(model, split.images), split.labels)
        for name, model in zip(names, models, strict=True)
    }
    save_tables(statistics_by_run, flags.output.with_suffix(""))
    title = f"{dataset.name}, {len(split.labels):,} {flags.split} images, run {names[0]}"
    loss_rows = [run.recipe.loss_rows for run in runs]
    figure = row_summary_figure(
        statistics_by_run, title, loss_rows, reference, first.settings.data.class_names
    )
    return figure, title
