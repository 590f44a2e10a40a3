"""The page that explains the LSTM: its quotes of the code, its numbers, its drawing."""

import csv
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from tf_lstm import cells
from tf_lstm.plots.lstm_cell import lstm_cell_figure

PACKAGE = Path(cells.__file__).parent
GALLERY = PACKAGE.parent / "figures" / "gallery"
PAGE = (PACKAGE / "HOW_AN_LSTM_WORKS.md").read_text(encoding="utf-8")
QUOTES = re.findall(r"```python\n(.*?)```", PAGE, re.S)
CELLS = {"LSTM": cells.LSTM, "GRU": cells.GRU, "simple RNN": cells.RNN}


def without_indents(text):
    return "\n".join(line.strip() for line in text.strip().splitlines())


def row(name):
    """The numbers of a row of a table, each as a list of factors: one for each cell."""
    values = re.search(rf"^\| {re.escape(name)} \|(.*)\|$", PAGE, re.M)[1].split("|")
    return {
        cell: [int(number.replace(",", "")) for number in value.split(" × ")]
        for cell, value in zip(CELLS, values, strict=True)
    }


@pytest.mark.parametrize("quote", QUOTES)
def test_every_quote_is_in_the_code_of_the_cells(quote):
    assert without_indents(quote) in without_indents(inspect.getsource(cells))


def test_all_lines_of_the_lstm_s_time_step_are_quoted():
    quoted = without_indents("\n".join(QUOTES)).splitlines()
    for method in (cells.LSTM.gates, cells.LSTM.step):
        body = inspect.getsource(method).partition('"""')[2].partition('"""')[2]
        assert set(without_indents(body).splitlines()) <= set(quoted)


@pytest.mark.parametrize("name", CELLS)
def test_the_numbers_of_parameters_and_operations_are_those_of_the_cells(name):
    cell = CELLS[name](128, 128, iter(range(2)))
    shapes = {variable: row(f"`{variable}`")[name] for variable in cell.variables_by_name}
    assert shapes == {variable: list(v.shape) for variable, v in cell.variables_by_name.items()}
    sizes = {variable: np.prod(shape) for variable, shape in shapes.items()}
    assert row("parameters")[name] == [sum(sizes.values())]
    multiplications = row("multiplications in the products, per image and row")[name]
    assert multiplications == [sizes["kernel"] + sizes["recurrent_kernel"]]
    functions = re.findall(r"tf\.(?:sigmoid|tanh)\(", inspect.getsource(CELLS[name]))
    assert row("sigmoids and tanhs, per image and row")[name] == [128 * len(functions)]
    assert row("numbers in the state, per image")[name] == [128 * len(cell.zero_state(1))]


def test_the_drawing_has_the_names_of_the_code():
    texts = " ".join(text.get_text() for text in lstm_cell_figure().axes[0].texts)
    code = inspect.getsource(cells.LSTM).replace("self.", "").replace("tf.", "")
    drawn = " ".join(texts.split())
    for expression in (
        "sums = inputs @ kernel + state.hidden @ recurrent_kernel + bias",
        "f * state.cell_state",
        "+ i * g",
        "o * tanh(cell_state)",
    ):
        assert expression in drawn and expression in code
    gates = re.findall(r'"(\w)": (\w+)\(', code)
    assert gates and all(f"{name} {function}" in drawn for name, function in gates)


def norms_after_the_first_row():
    """For a network, number of time steps, training and state, the line of the CSV file."""
    with open(GALLERY / "gradients_through_time.csv", encoding="utf-8") as file:
        return {
            (line["network"], line["time_steps"], line["training"], line["state"]): line
            for line in csv.DictReader(file)
            if line["row"] == "1"
        }


def two_digits(number):
    return float(f"{float(number):.2g}")


def test_the_table_of_gradients_is_that_of_the_benchmark():
    norms = norms_after_the_first_row()
    table = (GALLERY / "gradients_through_time.md").read_text(encoding="utf-8")
    for network in {network for network, *_ in norms}:
        (columns,) = re.findall(rf"^\| {network} \|(.* %) \|$", PAGE, re.M)
        columns = columns.removesuffix(" %").replace(" % ", " ").split(" | ")
        for time_steps, values in (("28", columns[:3]), ("112", columns[3:])):
            *medians, accuracy = values
            lines = [norms[network, time_steps, stage, "hidden"] for stage in ("before", "after")]
            assert [*map(float, medians)] == [two_digits(line["median"]) for line in lines]
            assert re.search(rf"^\| {time_steps} \| {network} \|.* {accuracy} \|$", table, re.M)


def test_the_gradients_in_the_text_are_those_of_the_benchmark():
    norms, text = norms_after_the_first_row(), " ".join(PAGE.split())
    cell_states = [
        two_digits(norms[f"LSTM, forget bias {bias}", "28", "after", "cell_state"]["median"])
        for bias in (0, 1, 3)
    ]
    assert "the median is {}, {} and {} after row 1".format(*cell_states) in text
    rnn = float(norms["simple RNN", "28", "after", "hidden"]["total"])
    assert f"is {rnn:.2g} times as large after the first row" in text
