"""An LSTM that reads images row by row.

The main path, in reading order:

    settings        every setting of a run; `recipes` has the named systems
    cells           the equations of the LSTM, the GRU and the simple RNN; Keras' cells
    recurrence      a cell over a sequence: unrolled, in a loop, in both directions
    model           weights, biases and layers: rows -> logits after every row
    train_step      the loss, the gradient, the update
    train_loop      epochs, validation, hooks
    evaluation      row predictions, accuracy
    inside          gates and states after every row, evidence, what matters for how long

It uses `rows` (images as sequences), `seeds` (everything random), `initializers` and `optimizer`.
The rest builds on it and is not needed to understand it:

    data            MNIST, synthetic digits, augmentation, photos
    engines         faster or distributed ways to compute the same network
    export          a trained network as a web page, SavedModel, LiteRT or NumPy file
    runs            training, saving, finding and resuming runs
    results         results of many runs, and their tables
    plots           every figure
    alphabet        a second example: what a time step is, and what state is
    terminal        flags, progress, errors, atomic files
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036  # other modules could not even be imported
    running = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {running} is too old: make an environment with 3.10 to 3.13.", file=sys.stderr)
    sys.exit(2)
