"""The numbers in sentences of README.md and figures/README.md are those of the tables they link."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

FIGURES = Path(__file__).resolve().parents[1] / "figures"
GALLERY = FIGURES / "gallery"
ROWS = ("7", "10", "14", "18", "21", "28")  # read; lines of a table in results.md
PAGE = " ".join((FIGURES / "README.md").read_text(encoding="utf-8").split())
FRONT_PAGE = " ".join((FIGURES.parent / "README.md").read_text(encoding="utf-8").split())


def read_csv(name):
    with open(GALLERY / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def accuracy_after(folder, run, row, digits=1):
    lines = read_csv(f"{folder}/accuracy.csv")
    (line,) = [
        line for line in lines if (line["run"], line["digit"], line["row"]) == (run, "all", row)
    ]
    return f"{100 * float(line['accuracy']):.{digits}f} %"


def first_row_above(folder, run, accuracy):
    lines = read_csv(f"{folder}/accuracy.csv")
    return min(
        int(line["row"])
        for line in lines
        if (line["run"], line["digit"]) == (run, "all") and float(line["accuracy"]) > accuracy
    )


def table_rows(name):
    """The cells of the first line of a Markdown table for each of its first columns."""
    lines = (GALLERY / name).read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return {row[0]: row for row in reversed(rows)}


def numbers_of_the_summaries():
    """Parts of sentences in the gallery."""
    default = accuracy_after("row_summary", "default", "14")
    yield f"After 14 of the 28 rows, {default} of the predictions of `default` are correct"
    yield f"and {accuracy_after('row_summary', 'basic', '14')} of those of `basic`"
    yield f"Its accuracy is {accuracy_after('row_summary', 'last-row', '14')} after 14 rows;"
    default, last = (accuracy_after("row_summary", run, "28", 2) for run in ("default", "last-row"))
    yield f"after all rows it is {last}, and that of `default` is {default}."
    yield f"exceeds 50 % from row {first_row_above('row_summary', 'basic', 0.5)} on"
    commits = [
        int(line["row"])
        for line in read_csv("row_summary/commit_rows.csv")
        if line["run"] == "default"
        for _ in range(int(line["images"]))
    ]
    yield f"The median commit row of `default` is {np.median(commits):.0f}."
    assert 0.55 < np.mean(np.array(commits) <= 8) < 0.65 and "six in ten test images" in FRONT_PAGE
    (stop,) = [
        line
        for line in read_csv("row_summary/early_exit.csv")
        if (line["run"], line["threshold"]) == ("default", "0.95")
    ]
    yield f"at a confidence of 95 %, the network reads {float(stop['mean_rows']):.1f} rows"
    yield f"is correct for {100 * float(stop['accuracy']):.1f} % of the images"
    table = table_rows("results.md")
    early, reference = ({row: table[row][column] for row in ROWS} for column in (1, 2))
    yield f"convolutional networks are {early['7']} and {reference['7']} % after 7 rows"
    for row in ("10", "14"):
        yield f"{early[row]} and {reference[row]} % after {row}"
    yield f"{early['28']} and {reference['28']} % after all rows."


def mean(row):
    """The mean of the numbers in the last cell of a row."""
    return f"{np.mean([float(number) for number in row[-1].split(', ')]):.1f}"


def epoch_ratios(batch_size):
    """The ratios in benchmark.md's table for a batch size, with 128 units, by system."""
    text = (GALLERY / "benchmark.md").read_text(encoding="utf-8")
    _, _, table = text.partition(f"batch size {batch_size}, units 128, layers 1, time steps 28\n")
    rows = [line.strip("| ").split(" | ") for line in table.split("\nbatch size")[0].splitlines()]
    return {row[0]: f"{row[3]} times" for row in rows if len(row) > 3}


def numbers_of_the_benchmarks():
    """Parts of sentences on speed and workers."""
    whole, workers = table_rows("benchmark_accuracy.md"), table_rows("benchmark_workers.md")
    ratios = epoch_ratios(128)
    yield f"In batches of 128, `folded` takes {ratios['this project, folded']} as long as `cell`"
    yield f"`gates` {ratios['this project, gates']}, PyTorch's `nn.LSTM` after a"
    yield f"linear layer {ratios['PyTorch nn.LSTM']}, and Keras' `fit` {ratios['Keras fit, LSTM']}"
    yield f", or {ratios['Keras fit, LSTM, unrolled']} if its layer is unrolled"
    yield f"PyTorch takes {ratios['PyTorch, folded']} as long"
    yield f"`folded` takes {ratios['this project, folded, bfloat16']} as long as `cell`, and"
    yield f"and PyTorch, folded by hand, {ratios['PyTorch, folded, bfloat16']}."
    ratios = epoch_ratios(256)
    yield f"In batches of 256, `folded` takes {ratios['this project, folded']} as long as `cell`"
    yield f"PyTorch, folded by hand, {ratios['PyTorch, folded']}, and Keras' `fit`, unrolled,"
    yield f"unrolled, {ratios['Keras fit, LSTM, unrolled']}."
    yield f"`folded` takes {ratios['this project, folded, bfloat16']} as long as `cell`, and"
    yield f"and PyTorch, folded by hand, {ratios['PyTorch, folded, bfloat16']}."
    quick, keras = whole["this project, quick, folded"], whole["Keras fit, LSTM(30), 20 epochs"]
    yield f"the recipe `quick` takes {quick[1]} s with `--engine folded`,"
    yield f"and reaches about {mean(quick)} %"
    mixed = whole["this project, quick, folded, mixed_bfloat16"]
    yield f"with `--precision mixed_bfloat16` it takes {mixed[1]} s"
    yield f"takes {keras[1]} s with 20 epochs, and reaches about {mean(keras)} %"
    yield f"images takes {workers['16'][3]} times as long"
    yield f"a step of 64 images {workers['64'][3]} times"


def numbers_of_the_ensemble():
    """Parts of the sentence on the mean of several networks."""
    _, *networks, (name, _, mean) = reversed(table_rows("ensemble.md").values())
    assert name == f"the mean of these {len(networks)}" == "the mean of these 9"
    alone = sorted(test for _, _, test in networks)
    yield f"is correct for {mean} % of the test images, and each network alone for"
    yield f"{alone[0]} to {alone[-1]} %"


def numbers_of_the_synthetic_digits():
    """Part of the sentence on MNIST's test images after a training on synthetic digits."""
    yield f"tested on MNIST: {table_rows('results_synthetic.md')['default'][2]} %"


def numbers_of_the_ablations():
    """Part of the sentence on the baseline of the ablations."""
    best_10 = table_rows("results.md")["best-10"]
    yield f"with 10 epochs instead of 80: {best_10[2].split()[0]} %"
    assert best_10[5] == "0, 1, 2" and "The recipes were run with three seeds" in PAGE


def numbers_of_the_controls():
    """Part of the sentence on Keras' own accuracy."""
    accuracies = [
        100 * float(line["test_accuracy"])
        for line in read_csv("controls.csv")
        if (line["recipe"], line["system"]) == ("keras-30", "Keras")
    ]
    yield f"{np.mean(accuracies):.2f} ± {np.std(accuracies, ddof=1):.2f} % (three seeds)"
    assert len(accuracies) == 3


def numbers_of_the_front_page():
    """Parts of the three results on the front page."""
    results, ratios, small = table_rows("results.md"), epoch_ratios(256), epoch_ratios(128)
    yield f"{results['default'][2]} % with the recipe `default` in 4 epochs (5 seeds)"
    yield f"{results['best'][2]} % with `best`, 80 epochs"
    ensemble = table_rows("ensemble.md")["the mean of these 9"]
    yield f"which read in three directions, reaches {ensemble[-1]} %"
    control = accuracy_after("row_summary", "last-row", "14").split()[0]
    yield f"{control} instead of {accuracy_after('row_summary', 'default', '14')} are correct"
    yield f"{results['14'][1]} % are classified correctly, and after all rows {results['28'][1]} %"
    systems = ("this project, folded", "PyTorch, folded", "Keras fit, LSTM, unrolled")
    folded, torch, keras = (ratios[system] for system in systems)
    yield f"takes {folded} as long with `--engine folded` as with `cell`,"
    yield f"{torch} with PyTorch's LSTM and {keras} with Keras' `fit`;"
    yield "in batches of 128, {}, {} and {}".format(*(small[s].split()[0] for s in systems))


@pytest.mark.parametrize(
    "numbers, page",
    [
        (numbers_of_the_summaries, PAGE),
        (numbers_of_the_benchmarks, PAGE),
        (numbers_of_the_ensemble, PAGE),
        (numbers_of_the_synthetic_digits, PAGE),
        (numbers_of_the_ablations, PAGE),
        (numbers_of_the_controls, PAGE),
        (numbers_of_the_front_page, FRONT_PAGE),
    ],
)
def test_numbers_in_sentences_are_those_of_the_tables(numbers, page):
    for part in numbers():
        assert part in page


@pytest.mark.parametrize(
    "recipe, points",
    [("reversed", 0.0), ("columns", 0.1), ("permuted", 1.4), ("shuffled", 9.3)]
    + [("blank-14", 0.0), ("blank-between", 0.0), ("steps-56", 0.4), ("steps-112", 1.7)]
    + [("steps-196", 6.6), ("best-10-unaugmented", 0.1), ("best-10-last", 0.0)]
    + [("best-10-no-decay", 0.3), ("best-10-adam", 0.1)],
)
def test_differences_in_sentences_are_about_those_of_the_results(recipe, points):
    assert f"`{recipe}`" in PAGE and (not points or f"about {points}" in PAGE)
    (difference, *_) = re.findall(r"[+-]\d+\.\d+", table_rows("results.md")[recipe][3])
    assert -float(difference) == pytest.approx(points, abs=0.1)
