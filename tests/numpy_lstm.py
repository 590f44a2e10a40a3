"""An LSTM in NumPy, float64, written from the equations: the reference for the one under test."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(inputs, kernel, recurrent_kernel, bias):
    """All hidden states (batch, time steps, units) from the zero state, and the last cell state."""
    batch, time_steps, _ = inputs.shape
    units = recurrent_kernel.shape[0]
    hidden = np.zeros((batch, units))
    cell_state = np.zeros((batch, units))
    hidden_states = np.empty((batch, time_steps, units))
    for t in range(time_steps):
        gates = inputs[:, t] @ kernel + hidden @ recurrent_kernel + bias
        i, f, g, o = (gates[:, k * units : (k + 1) * units] for k in range(4))
        cell_state = sigmoid(f) * cell_state + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell_state)
        hidden_states[:, t] = hidden
    return hidden_states, cell_state


def logits_after_every_row(rows, values):
    """The whole network; `values` are its variables by name, as arrays."""
    projected = rows @ values["weights['in']"] + values["biases['in']"]
    cell = (values[f"layers[0].{name}"] for name in ("kernel", "recurrent_kernel", "bias"))
    hidden, _ = lstm(projected, *cell)
    return hidden @ values["weights['out']"] + values["biases['out']"]


def mean_cross_entropy(logits, labels):
    """Of (batch, classes) logits, in nats."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(log_probabilities[np.arange(len(labels)), labels])
