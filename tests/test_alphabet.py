"""The alphabet: its samples, the flow of the state, what is learned, and the script."""

import itertools
import os
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_lstm.alphabet.figure import alphabet_figure
from tf_lstm.alphabet.framings import (
    ALPHABET,
    FRAMINGS,
    NAMES,
    encode,
    make_samples,
    recall_framings,
)
from tf_lstm.alphabet.training import (
    LetterClassifier,
    LetterTrainer,
    masked,
    train_framing,
)
from tf_lstm.cells import LSTMState
from tf_lstm.recurrence import unroll

REPOSITORY = Path(__file__).resolve().parents[1]
BY_TITLE = {framing.title: framing for framing in FRAMINGS}
STATEFUL = BY_TITLE["stateful"]


def numbers(inputs):
    """The indices of the letters in encoded inputs."""
    return np.round(26 * inputs, 4)


@pytest.mark.parametrize("title", ["one-letter", "within-batch", "stateful"])
def test_one_letter_is_a_sample_of_one_time_step_and_one_feature(title):
    samples = make_samples(BY_TITLE[title])
    assert samples.inputs.shape == (25, 1, 1) and samples.inputs.dtype == np.float32
    np.testing.assert_array_equal(numbers(samples.inputs).ravel(), range(25))  # A to Y
    np.testing.assert_array_equal(samples.labels, range(1, 26))  # B to Z
    assert "".join(samples.strings) == ALPHABET[:-1]


def test_three_letters_are_features_in_one_framing_and_time_steps_in_another():
    window, time_steps = (make_samples(BY_TITLE[title]) for title in ("window", "time-steps"))
    assert window.inputs.shape == (23, 1, 3) and time_steps.inputs.shape == (23, 3, 1)
    expected = [[first, first + 1, first + 2] for first in range(23)]
    np.testing.assert_array_equal(numbers(window.inputs)[:, 0, :], expected)
    np.testing.assert_array_equal(numbers(time_steps.inputs)[:, :, 0], expected)
    for samples in (window, time_steps):
        np.testing.assert_array_equal(samples.labels, range(3, 26))
        assert samples.strings[0] == "ABC" and samples.strings[-1] == "WXY"


@pytest.mark.parametrize("title, padding", [("", 0), (", masked", -26)])
def test_sampled_strings_are_the_published_ones_padded_on_the_left(title, padding):
    samples = make_samples(BY_TITLE[f"variable-length{title}"])
    assert samples.inputs.shape == (1000, 5, 1)
    # The first strings printed in the article.
    assert " ".join(samples.strings[:9]) == "PQRST W O OPQ IJKLM QRSTU ABCD X GHIJ"
    np.testing.assert_array_equal(numbers(samples.inputs)[1, :, 0], [padding] * 4 + [22])
    np.testing.assert_array_equal(numbers(samples.inputs)[3, :, 0], [padding] * 2 + [14, 15, 16])
    for string, label in zip(samples.strings, samples.labels, strict=True):
        assert 1 <= len(string) <= 5 and string + ALPHABET[label] in ALPHABET
    assert set(map(len, samples.strings)) == {1, 2, 3, 4, 5}


RECALL = [framing for framing in FRAMINGS if framing.recall]


@pytest.mark.parametrize("framing", RECALL, ids=lambda framing: framing.title)
def test_the_letter_to_recall_is_the_first_of_a_string_of_which_the_last_letters_are_read(framing):
    for held_out in (False, True):
        samples = make_samples(framing, held_out)
        read = numbers(samples.inputs).reshape(len(samples.strings), -1)
        for string, letters, label in zip(samples.strings, read, samples.labels, strict=True):
            assert len(string) == framing.recall and ALPHABET[label] == string[0]
            assert string.endswith("".join(ALPHABET[int(letter)] for letter in letters))


@pytest.mark.parametrize("framing", RECALL, ids=lambda framing: framing.title)
def test_no_string_is_both_trained_on_and_held_out(framing):
    trained, held_out = (set(make_samples(framing, which).strings) for which in (False, True))
    assert len(trained) > 4000 and len(held_out) > 900 and not trained & held_out


@pytest.mark.parametrize("held_out", [False, True])
def test_the_strings_follow_each_other_in_one_stream(held_out):
    strings = make_samples(BY_TITLE["first-of-8, state kept"], held_out).strings
    assert all(one[1:] == next[:-1] for one, next in itertools.pairwise(strings))


def test_only_random_letters_are_tested_on_strings_that_were_not_trained_on():
    for framing in FRAMINGS:
        trained, tested = (make_samples(framing, held_out).strings for held_out in (False, True))
        assert (trained == tested) == (not framing.recall)


@pytest.fixture(scope="module")
def stateful_model():
    return LetterClassifier(STATEFUL, seed=3)


def test_a_string_read_in_two_calls_equals_one_call(stateful_model):
    letters = encode(list("ABCDEFG"), STATEFUL).reshape(1, 7, 1)
    zeros = stateful_model.cell.zero_state(1)
    logits, state = stateful_model(letters, zeros)
    _, state_between = stateful_model(letters[:, :4], zeros)
    logits_in_two, state_in_two = stateful_model(letters[:, 4:], state_between)
    for one, two in zip((logits, *state), (logits_in_two, *state_in_two), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
    without_state, _ = stateful_model(letters[:, 4:], zeros)
    assert not np.allclose(logits, without_state, rtol=1e-3)


def test_a_stateful_prediction_keeps_the_state_and_starts_from_zeros_again(stateful_model):
    letters = make_samples(STATEFUL).inputs
    as_one_string = letters.reshape(1, 25, 1)
    cell = stateful_model.cell
    outputs, _ = unroll(cell.step, as_one_string, cell.zero_state(1))
    logits = outputs[0] @ stateful_model.weights["out"] + stateful_model.biases["out"]
    for _ in range(2):
        np.testing.assert_array_equal(stateful_model.predict(letters), np.argmax(logits, axis=1))


def test_generated_letters_are_predicted_from_the_letters_before_them(stateful_model):
    string = stateful_model.generate("K", 6)
    assert string[0] == "K" and len(string) == 7
    letters = encode(list(string[:-1]), STATEFUL)
    predicted = "".join(ALPHABET[letter] for letter in stateful_model.predict(letters))
    assert predicted == string[1:]


def variables(model):
    return [variable.numpy() for variable in model.variables_to_train]


def test_compiled_epochs_equal_single_steps_with_a_zero_state_before_each_epoch():
    framing = replace(STATEFUL, units=6)
    samples = make_samples(framing)
    compiled, by_steps = (LetterTrainer(framing, samples, seed) for seed in (0, 1))
    two_epochs = tf.constant([range(25)] * 2, tf.int32)
    compiled.train_epochs(two_epochs)
    compiled.restart(seed=1)
    compiled.train_epochs(two_epochs)
    step = tf.function(by_steps.train_step)
    for _ in range(2):
        state = by_steps.model.cell.zero_state(1)
        for letter in range(25):
            state = step(tf.constant([letter]), state)
    for one, other in zip(variables(compiled.model), variables(by_steps.model), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_a_batch_of_a_stateful_framing_follows_a_string_of_each_part_of_the_stream(monkeypatch):
    orders = []
    monkeypatch.setattr(LetterTrainer, "train_epochs", lambda _, order: orders.append(order))
    state_kept = replace(recall_framings(3)[2], units=2, epochs=1)
    train_framing(state_kept, [0], lambda text: None)
    batches = orders[0].numpy().reshape(-1, state_kept.batch_size)
    assert sorted(batches.ravel()) == [*range(5000)]
    np.testing.assert_array_equal(np.diff(batches, axis=0), 1)


def test_masked_time_steps_leave_the_state_as_it_was():
    def count(inputs, state):
        return state.hidden + 1, LSTMState(state.hidden + 1, state.cell_state + inputs)

    # Batch 2, time steps 3. Padding may be anywhere; every row of the batch has its own mask.
    inputs = tf.constant([[[-1.0], [3.0], [-1.0]], [[5.0], [0.0], [7.0]]])
    state = LSTMState(tf.constant([[10.0], [20.0]]), tf.constant([[30.0], [40.0]]))
    outputs, (hidden, cell_state) = unroll(masked(count, -1.0), inputs, state)
    np.testing.assert_array_equal(outputs[:, :, 0], [[10, 11, 11], [21, 22, 23]])
    np.testing.assert_array_equal(hidden[:, 0], [11, 23])
    np.testing.assert_array_equal(cell_state[:, 0], [33, 52])


@pytest.mark.parametrize(
    "title, same", [("variable-length, masked", True), ("variable-length", False)]
)
def test_padding_changes_the_logits_unless_it_is_masked(title, same):
    framing = BY_TITLE[title]
    model = LetterClassifier(framing)
    # Without a bias, inputs of zero leave an LSTM in its zero state.
    model.cell.bias.assign_add(tf.fill((4 * framing.units,), 0.1))
    padded = encode(["KL"], framing)
    with_padding, without = (
        model(inputs, model.cell.zero_state(1))[0] for inputs in (padded, padded[:, 3:])
    )
    assert np.array_equal(with_padding, without) == same


# Epochs, and the accuracy to reach. An untrained network predicts 1 letter in 25 correctly.
THRESHOLDS = {
    "one-letter": (500, 0.7),
    "window": (500, 0.7),
    "time-steps": (300, 0.85),
    "within-batch": (5000, 0.9),
    "within-batch, shuffled": (5000, 0.9),
    "within-batch, batch 1": (1000, 0.75),
    "stateful": (150, 0.9),
    "variable-length": (10, 0.25),
    "variable-length, masked": (10, 0.25),
    "first-of-3, window": (5, 0.2),
    "first-of-3, time steps": (10, 0.95),
    "first-of-3, state kept": (5, 0.03),
    "first-of-3, one letter": (5, 0.02),
    "first-of-8, window": (5, 0.15),
    "first-of-8, time steps": (10, 0.9),
    "first-of-8, state kept": (5, 0.03),
    "first-of-8, one letter": (5, 0.02),
}


@pytest.fixture(scope="module")
def results():
    """The result of training each framing for some epochs, by its title."""
    return {
        title: train_framing(replace(BY_TITLE[title], epochs=epochs), [0], lambda text: None)
        for title, (epochs, _) in THRESHOLDS.items()
    }


@pytest.mark.parametrize("title", BY_TITLE)
@pytest.mark.slow
def test_every_framing_learns(title, results):
    result = results[title]
    epochs, threshold = THRESHOLDS[title]
    assert result.epochs[0] == 0 and result.epochs[-1] == epochs
    assert result.accuracy.shape == (1, len(result.epochs))
    assert result.accuracy[0, 0] < 0.2 and result.accuracy[0, -1] >= threshold


@pytest.mark.parametrize("letters", [3, 8])
@pytest.mark.slow
def test_random_letters_are_remembered_only_if_the_gradient_flows_through_time(letters, results):
    last = {
        variant: results[f"first-of-{letters}, {variant}"].accuracy[0, -1]
        for variant in ("time steps", "state kept", "one letter")
    }
    assert last["one letter"] < 0.06  # guessing: 1/26
    assert last["state kept"] < 0.15
    assert last["time steps"] > 0.9


@pytest.mark.slow
def test_samples_of_a_batch_are_independent_in_any_order(results):
    in_order, shuffled = (results[f"within-batch{rest}"].model for rest in ("", ", shuffled"))
    letters = results["within-batch"].held_out.inputs
    together, _ = in_order(letters, in_order.cell.zero_state(25))
    alone, _ = in_order(letters[10:11], in_order.cell.zero_state(1))
    np.testing.assert_allclose(together[10:11], alone, rtol=1e-4, atol=1e-4)
    # Only rounding differs, over thousands of epochs.
    for one, other in zip(variables(in_order), variables(shuffled), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-2)


@pytest.fixture(scope="module")
def run_script(tmp_path_factory):
    """Run the script in a copy of the repository, to leave the user's figures alone."""
    copy = tmp_path_factory.mktemp("clone") / "repository"
    for folder in ("tf_lstm", "scripts"):
        shutil.copytree(REPOSITORY / folder, copy / folder)

    def run(*flags, **environment):
        command = [sys.executable, copy / "scripts" / "learn_alphabet.py", *flags]
        # Importing TensorFlow in this process has set its log level in the environment.
        inherited = {key: os.environ[key] for key in os.environ if key != "TF_CPP_MIN_LOG_LEVEL"}
        return copy, subprocess.run(
            list(map(str, command)), env=inherited | environment, capture_output=True, text=True
        )

    return run


def test_the_script_shows_the_inputs_and_the_predictions(run_script):
    folder, result = run_script("--framing", "stateful", "--epochs", 3, "--seeds", 2)
    assert (result.returncode, result.stderr) == (0, "")
    assert "(25, 1, 1) = (samples, time steps, features)" in result.stdout
    assert re.search(r"accuracy +\d+\.\d\d ± \d+\.\d\d %   published 100\.00 %", result.stdout)
    marked = re.findall(r"([A-Y]) -> ([A-Z])(✗?)", result.stdout)
    assert "".join(letter for letter, _, _ in marked) == ALPHABET[:-1]
    for letter, predicted, mark in marked:
        assert (ALPHABET[ALPHABET.index(letter) + 1] == predicted) == (not mark)
    assert re.search(r"from A +A[A-Z]{25},", result.stdout)
    assert re.search(r"from K +K[A-Z]{5};", result.stdout)
    assert not re.search(r"[\r\b\x1b]", result.stdout)
    assert (folder / "figures" / "alphabet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_script_compares_the_weights_of_shuffled_batches(results):
    script = runpy.run_path(str(REPOSITORY / "scripts" / "learn_alphabet.py"))
    pair = results["within-batch"], results["within-batch, shuffled"]
    weights = (np.concatenate([*map(np.ravel, variables(result.model))]) for result in pair)
    difference = np.abs(np.subtract(*weights)).max()
    assert f"shuffling is {difference:.0e}" in script["compare_weights"](*pair)


@pytest.mark.slow
def test_the_figure_shows_the_measured_accuracy(results):
    three = [result for result in results.values() if result.framing.name == "within-batch"]
    figure = alphabet_figure(list(results.values()), "the command")
    panels = {axes.get_label(): axes for axes in figure.axes}
    assert panels.keys() == {f"{name} {part}" for name in NAMES for part in ("samples", "accuracy")}
    note = " ".join(text.get_text() for text in panels["within-batch samples"].texts)
    for point in (5, -1):
        assert f"{100 * three[0].accuracy[0, point]:.0f} % after" in note
    curves = panels["within-batch accuracy"].get_lines()
    for result, curve in zip(three, curves, strict=False):
        np.testing.assert_allclose(curve.get_ydata(), 100 * result.accuracy[0])


@pytest.fixture
def no_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('imported TensorFlow')")
    return {"PYTHONPATH": str(tmp_path)}


def test_help_does_not_import_tensorflow(run_script, no_tensorflow):
    _, result = run_script("--help", **no_tensorflow)
    assert (result.returncode, result.stderr) == (0, "")
    flags = re.findall(r"^  (--[a-z]+)", result.stdout, re.M)
    assert "--seeds" in flags and result.stdout.count("(default:") == len(flags)
    assert all(name in result.stdout for name in NAMES)


@pytest.mark.parametrize(
    "flag, value",
    [("--framing", "words"), ("--epochs", "0"), ("--seeds", "none"), ("--output", "figure.doc")],
)
def test_wrong_flags_are_rejected_before_tensorflow_is_imported(
    flag, value, run_script, no_tensorflow
):
    _, result = run_script(flag, value, **no_tensorflow)
    assert result.returncode == 2 and result.stdout == ""
    assert flag in result.stderr.splitlines()[-1]
