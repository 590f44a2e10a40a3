"""Cells compared on sequences of different lengths: choices, tables and figure."""

from dataclasses import replace

from tf_lstm.recipes import DEFAULT
from tf_lstm.results.cells import biases_table, cells_figure, cells_table, chosen_rate, results_with
from tf_lstm.results.records import Result, settings_text

USUAL, OTHER = 4e-3, 1e-3


def result(accuracy, seed=0, validation=0.5, **changes):
    recipe = replace(DEFAULT, **{"learning_rate": USUAL} | changes)
    settings = settings_text(recipe)
    return Result("name", seed, "MNIST", validation, accuracy, 60.0, settings)


RESULTS = [
    result(0.97, validation=0.96),
    result(0.95, seed=1),
    result(0.98, validation=0.94, learning_rate=OTHER),  # its test accuracy does not count
    result(0.61, validation=0.6, cell="gru", time_steps=196),
    result(0.71, validation=0.7, cell="gru", time_steps=196, learning_rate=OTHER),
    result(0.75, seed=1, validation=0.7, cell="gru", time_steps=196, learning_rate=OTHER),
]


def test_the_learning_rate_is_chosen_by_the_first_seeds_validation_accuracy():
    assert chosen_rate(RESULTS[:3]) == USUAL
    assert chosen_rate(RESULTS[3:]) == OTHER


def test_results_are_found_by_what_was_trained():
    assert results_with(RESULTS, cell="gru", learning_rate=OTHER) == RESULTS[4:]
    assert results_with(RESULTS, cell="rnn") == []


def test_the_table_has_a_line_for_each_length_and_cell():
    lines = [line.strip("| ").split(" | ") for line in cells_table(RESULTS, USUAL).splitlines()[2:]]
    assert [line[:2] for line in lines] == [["28", "lstm"], ["196", "gru"]]
    assert lines[0][2] == lines[0][4] == "96.00 ± 1.41"
    assert lines[1][2:5] == ["61.00, 1 seed", "0.001", "73.00 ± 2.83"]


def test_forget_biases_are_compared_where_there_are_several():
    assert biases_table(RESULTS) == ""
    others = [result(0.8, forget_bias=bias, time_steps=112) for bias in (1.0, 3.0, "chrono")]
    lines = [line.split(" | ") for line in biases_table(RESULTS + others).splitlines()[2:]]
    assert [line[:2] for line in lines] == [
        ["| 112", "1.0"],
        ["| 112", "3.0"],
        ["| 112", "chrono"],
    ]


def test_the_figure_shows_every_run_at_both_rates():
    usual, chosen = cells_figure(RESULTS, USUAL).axes
    dots = [
        sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o")
        for axes in (usual, chosen)
    ]
    assert dots == [3, 4]
    assert usual.get_xlim()[1] > 196
