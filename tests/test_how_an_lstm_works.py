"""The page that explains the LSTM: its quotes of the code, its numbers, its drawing."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from tf_lstm import cells
from tf_lstm.plots.lstm_cell import lstm_cell_figure

PACKAGE = Path(cells.__file__).parent
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
