"""Which pixels moved a prediction, and how long a network remembers a row."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tf_lstm.plots.row_predictions import Prediction
from tf_lstm.plots.style import BLUE, FIGURE_TITLE, ROW_TICKS, shorten

ROWS = (7, 14, 18, 21, 28)  # after which the prediction is explained


def saliency_figure(
    prediction: Prediction, gradients: Sequence[np.ndarray], importance: np.ndarray, count: int
) -> Figure:
    """Plot the gradient of the predicted class's log-probability, and the map of `importance`.

    Args:
        prediction: of the image.
        gradients: one (28, 28) for each of `ROWS`.
        importance: (28, 28), from `tf_lstm.inside.importance`.
        count: the number of images that it is the mean over.
    """
    figure = Figure(figsize=(8.5, 6.6), dpi=130, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.87))
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.75))
    edges = (0.5, 28.5, 28.5, 0.5)
    for axes, row, gradient in zip(above.subplots(1, len(ROWS)), ROWS, gradients, strict=True):
        predicted = int(np.argmax(prediction.probabilities[row - 1]))
        axes.imshow(prediction.image, cmap="gray_r", vmin=0, vmax=700, extent=edges)
        largest = np.abs(gradient).max()
        overlay = {"cmap": "PuOr", "vmin": -largest, "vmax": largest, "extent": edges}
        axes.imshow(gradient, alpha=np.abs(gradient) / largest, **overlay)
        axes.axhline(row + 0.5, color="0.5", linewidth=0.8)
        name = shorten(prediction.class_names[predicted])
        axes.set_title(f"after row {row}: {name}", fontsize=9)
        axes.set(xticks=[], yticks=[])
    axes, by_age = below.subplots(1, 2, width_ratios=(1.5, 1))
    relative = importance / importance.max(axis=1, keepdims=True)
    picture = axes.imshow(relative, cmap="viridis", vmin=0, vmax=1, extent=edges, aspect="equal")
    axes.set(xticks=ROW_TICKS, yticks=ROW_TICKS, xlabel="row whose pixels are changed")
    axes.set_ylabel("row after which the network predicts")
    scale = below.colorbar(picture, ax=axes, shrink=0.9)
    scale.set_label("effect, relative to the line's largest", fontsize=8)
    ages = range(len(relative))
    by_age.plot(ages, [np.diag(relative, -age).mean() for age in ages], color=BLUE)
    by_age.set(ylim=(0, 1.05), xlabel="rows read since", ylabel="mean effect")
    by_age.grid(color="0.88", linewidth=0.6)
    explanation = (
        "Above: the gradient of the predicted class's log-probability after some rows with respect "
        "to each pixel (purple: more ink\nspeaks for it, orange: against it; each with its own "
        f"scale). Below: the norm of this gradient by row, the mean over {count:,} images."
    )
    figure.suptitle(prediction.title, y=0.985, **FIGURE_TITLE)
    figure.text(0.012, 0.945, explanation, va="top", fontsize=8.5, linespacing=1.4)
    return figure
