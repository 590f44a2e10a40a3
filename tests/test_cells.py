"""Every cell's equations against NumPy, against Keras' class, and against TensorFlow's own LSTM."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from numpy_lstm import lstm

from tf_lstm import cells
from tf_lstm.cell_variants import CoupledGates, NoForgetGate, NoInputGate, NoOutputGate
from tf_lstm.cells import GRU, LSTM, RNN, KerasCell, LSTMState
from tf_lstm.recurrence import unroll
from tf_lstm.settings import CELLS

BATCH, TIME_STEPS, FEATURES, UNITS = 2, 3, 4, 5
CELL_TYPES = [LSTM, GRU, RNN]
MISSING_GATES = {NoInputGate: "i", NoForgetGate: "f", NoOutputGate: "o", CoupledGates: "f"}
EAGER_AND_TRACED = pytest.mark.parametrize(
    "run", [lambda f: f, tf.function], ids=["eager", "traced"]
)


def new_cell(cell_type=LSTM, dtype=tf.float64, keras=False, **options):
    """A cell with random biases; the same type has the same values whoever computes it."""
    sizes = FEATURES, UNITS, itertools.count(1)
    if keras:
        cell = KerasCell(cell_type, *sizes, dtype=dtype, **options)
    else:
        cell = cell_type(*sizes, dtype=dtype, **options)
    cell.bias.assign(np.random.default_rng(1).normal(size=cell.bias.shape))
    return cell


def variables(cell):
    return list(cell.variables_by_name.values())


def read(cell, inputs):
    return unroll(cell.step, inputs, cell.zero_state(inputs.shape[0]))


@pytest.fixture
def inputs(random):
    return tf.constant(random.normal(size=(BATCH, TIME_STEPS, FEATURES)))


def weighted_sum(tensors):
    """A sum in which every number has another weight."""
    flat = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
    return tf.reduce_sum(flat * tf.cast(tf.range(1, tf.size(flat) + 1), flat.dtype))


def results_and_gradients(read, inputs, variables):
    """`read(inputs)`, and the gradients of a weighted sum of all its results."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        results = tf.nest.flatten(read(inputs))
        target = weighted_sum(results)
    gradients = tape.gradient(target, [*variables, inputs])
    return [*results, *map(tf.convert_to_tensor, gradients)]


@pytest.mark.parametrize("cell_type", CELL_TYPES)
@pytest.mark.parametrize("keras", [False, True], ids=["equations", "keras"])
def test_the_zero_state_has_zeros_for_any_batch_size(cell_type, keras):
    cell = new_cell(cell_type, keras=keras)
    traced = tf.function(cell.zero_state, input_signature=[tf.TensorSpec((), tf.int32)])
    for batch_size in (1, 7):
        state = traced(batch_size)
        assert type(state) is cell_type.state_type
        for part in state:
            np.testing.assert_array_equal(part, np.zeros((batch_size, UNITS)))


@EAGER_AND_TRACED
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_equations_equal_keras_class(cell_type, inputs, run):
    """Outputs, states and gradients."""
    ours, keras = (
        run(lambda each: results_and_gradients(lambda x: read(each, x), inputs, variables(each)))(
            cell
        )
        for cell in (new_cell(cell_type), new_cell(cell_type, keras=True))
    )
    assert len(ours) == 1 + len(cell_type.state_type._fields) + 3 + 1
    for our, other in zip(ours, keras, strict=True):
        np.testing.assert_allclose(our, other, rtol=1e-10, atol=1e-10)


@EAGER_AND_TRACED
@pytest.mark.parametrize(
    "cell_type, keras_layer",
    [
        (LSTM, tf.keras.layers.LSTM),
        (GRU, tf.keras.layers.GRU),
        (RNN, tf.keras.layers.SimpleRNN),
    ],
)
def test_a_cell_equals_the_keras_layer(cell_type, keras_layer, inputs, run):
    cell = new_cell(cell_type)
    layer = keras_layer(UNITS, return_sequences=True, return_state=True, dtype="float64")
    layer.build((None, TIME_STEPS, FEATURES))
    layer.set_weights([variable.numpy() for variable in variables(cell)])
    keras_variables = [variable.value for variable in layer.trainable_variables]
    ours = run(lambda: results_and_gradients(lambda x: read(cell, x), inputs, variables(cell)))()
    keras = results_and_gradients(layer, inputs, keras_variables)
    for our, other in zip(ours, keras, strict=True):
        np.testing.assert_allclose(our, other, rtol=1e-9, atol=1e-12)


def test_an_lstm_equals_numpy(inputs):
    cell = new_cell()
    outputs, state = read(cell, inputs)
    values = (variable.numpy() for variable in variables(cell))
    expected, expected_cell_state = lstm(inputs.numpy(), *values)
    np.testing.assert_allclose(outputs, expected, rtol=1e-10)
    np.testing.assert_allclose(state.hidden, expected[:, -1], rtol=1e-10)
    np.testing.assert_allclose(state.cell_state, expected_cell_state, rtol=1e-10)


@pytest.mark.parametrize("initializer", ["glorot", "normal"])
@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_initial_values_do_not_depend_on_who_computes_the_cell(cell_type, initializer):
    cells = [
        cell_type(FEATURES, UNITS, itertools.count(3), initializer),
        KerasCell(cell_type, FEATURES, UNITS, itertools.count(3), initializer),
    ]
    names = ["kernel", "recurrent_kernel", "bias"]
    assert [list(cell.variables_by_name) for cell in cells] == [names, names]
    for one, other in zip(*map(variables, cells), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("keras", [False, True], ids=["equations", "keras"])
def test_the_forget_bias_is_the_initial_bias_of_the_forget_gate(keras, forget_bias):
    sizes = FEATURES, UNITS, itertools.count(1)
    options = {"forget_bias": forget_bias}
    cell = KerasCell(LSTM, *sizes, **options) if keras else LSTM(*sizes, **options)
    np.testing.assert_array_equal(cell.bias, np.repeat([0, forget_bias, 0, 0], UNITS))


def test_a_unit_that_keeps_much_takes_in_little():
    biases = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    cell = LSTM(FEATURES, UNITS, itertools.count(1), forget_bias=biases)
    np.testing.assert_array_equal(cell.bias, np.concatenate([-biases, biases, np.zeros(10)]))


@pytest.mark.parametrize("cell_type, gate", MISSING_GATES.items(), ids=lambda each: str(each))
def test_a_variant_lacks_one_gate(cell_type, gate, inputs):
    """Its other gates are those of an LSTM with the same variables and state."""
    state = LSTMState(tf.reverse(inputs[:, 0, :1], [0]) + tf.zeros((1, UNITS), inputs.dtype), 1.0)
    whole, gates = (new_cell(each).gates(inputs[:, 1], state) for each in (LSTM, cell_type))
    expected = 1 - whole["i"] if cell_type is CoupledGates else tf.ones_like(whole["i"])
    for name, values in gates.items():
        np.testing.assert_allclose(values, expected if name == gate else whole[name])


def test_equations_build_no_keras_cell(monkeypatch):
    monkeypatch.setattr(cells, "KERAS_CLASSES", {})
    for cell_type in CELL_TYPES:
        new_cell(cell_type)


@pytest.mark.parametrize("cell_type, names", [(LSTM, "ifgo"), (GRU, "zrg"), (RNN, "")])
def test_gates_are_named_and_lie_between_their_bounds(cell_type, names, inputs):
    cell = new_cell(cell_type)
    gates = cell.gates(inputs[:, 0], cell.zero_state(BATCH))
    assert list(gates) == list(names)
    for name, values in gates.items():
        assert values.shape == (BATCH, UNITS)
        assert tf.reduce_all(tf.abs(values) < 1) and (name == "g" or tf.reduce_all(values > 0))


def test_every_cell_in_the_table_is_tested_here():
    ours = {path for path in CELLS.values() if path.startswith("tf_lstm.")}
    tested = [*CELL_TYPES, *MISSING_GATES]
    assert ours == {f"{cell_type.__module__}:{cell_type.__name__}" for cell_type in tested}


def block_lstm(operation, inputs, variables, **settings):
    """TensorFlow's own fused LSTM: float32 and time-major inside."""
    kernel, recurrent_kernel, bias = variables
    zeros, no_peephole = tf.zeros((inputs.shape[0], UNITS)), tf.zeros(UNITS)
    hidden_states = operation(
        seq_len_max=tf.constant(inputs.shape[1], tf.int64),
        x=tf.transpose(inputs, [1, 0, 2]),
        cs_prev=zeros,
        h_prev=zeros,
        w=tf.concat([kernel, recurrent_kernel], axis=0),
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        b=bias,
        **settings,
    ).h
    return tf.transpose(hidden_states, [1, 0, 2])


@pytest.fixture
def float32_case(inputs):
    cell = new_cell(dtype=tf.float32)
    return lambda inputs: read(cell, inputs)[0], tf.cast(inputs, tf.float32), variables(cell)


def test_an_lstm_equals_block_lstm_v2(float32_case):
    read, inputs, variables = float32_case
    expected = block_lstm(tf.raw_ops.BlockLSTMV2, inputs, variables)
    np.testing.assert_allclose(read(inputs), expected, rtol=1e-5, atol=1e-6)


def test_an_lstm_has_the_gradients_of_block_lstm(float32_case):
    # The gradient of BlockLSTMV2 confuses the gates' order (TensorFlow 2.21, CPU); that of the
    # first BlockLSTM is correct. It has the gates in the order i g f o, and would clip at 3.
    read, inputs, variables = float32_case

    def read_with_block_lstm(inputs):
        reordered = []
        for variable in variables:
            i, f, g, o = tf.split(variable, 4, axis=-1)
            reordered.append(tf.concat([i, g, f, o], axis=-1))
        return block_lstm(tf.raw_ops.BlockLSTM, inputs, reordered, forget_bias=0.0, cell_clip=-1.0)

    ours = results_and_gradients(read, inputs, variables)
    block = results_and_gradients(read_with_block_lstm, inputs, variables)
    for our, other in zip(ours, block, strict=True):
        np.testing.assert_allclose(our, other, rtol=1e-5, atol=1e-5)
