"""The settings of the published systems: recurrent networks for MNIST from tutorials.

Each recipe names the settings that differ from those of `default`, or of another recipe above it.
The comments give its accuracy and its time, as in `recipes`.
"""

from dataclasses import replace

from tf_lstm.settings import Recipe

# The BasicLSTMCell tutorial as it was published. 93.8 ± 0.8 %, 0.4 minutes. TensorFlow 1's Adam
# had epsilon 1e-8.
BASIC = Recipe(
    name="basic",
    description="the old BasicLSTMCell tutorial: 501 steps, loss after the last row",
    initializer="normal",
    loss_rows="last",
    epochs=1,
    max_steps=501,
    batch_size=100,
    epsilon=1e-8,
    learning_rate=1e-3,
    warmup_steps=0,
    lr_schedule="constant",
    global_clipnorm=None,
    log_every=50,
)
# Its sequel with two cells, each wrapped in dropout. 25 minutes. The published loss was the mean
# over batch and classes, a tenth of ours: with Adam, its epsilon of 1e-8 corresponds to 1e-7 here.
# The last published test accuracy is compared with that of the last weights.
DEEP_READINGS = (96.05, 97.54, 97.80, 97.88, 98.54, 98.46, 98.57, 98.60, 98.84, 98.91)
DEEP = replace(
    BASIC,
    name="deep",
    description="the tutorial's sequel: two layers of 256 units with dropout, 5,000 steps",
    published=DEEP_READINGS[-1],
    initializer="truncated_normal",
    input_projection=False,
    layers=2,
    units=256,
    dropout=0.5,
    epochs=10,
    max_steps=5000,
    epsilon=1e-7,
    log_every=None,
    test_every=500,
    keep_weights="last",
)

# Keras tutorials: raw rows, all 60,000 training images, Keras' own defaults.
# 97.7 ± 0.2 %, 1.4 minutes.
KERAS_30 = Recipe(
    name="keras-30",
    description="LSTM(30) and Dense(10) of a Keras tutorial, 20 epochs",
    published=98.02,
    validation=False,
    pixel_offset=0.5,
    input_projection=False,
    units=30,
    loss_rows="last",
    epochs=20,
    batch_size=128,
    learning_rate=1e-3,
    warmup_steps=0,
    lr_schedule="constant",
    global_clipnorm=None,
)
# 98.6 ± 0.1 %, 6 minutes.
BILSTM_30 = replace(
    KERAS_30,
    name="bilstm-30",
    description="keras-30 with two bidirectional layers",
    published=98.38,
    layers=2,
    bidirectional=True,
)
# 98.9 ± 0.4 %, 9 minutes.
KERAS_128 = replace(
    KERAS_30,
    name="keras-128",
    description="LSTM(128) and Dense(10) of another Keras tutorial, batches of 28, 20 epochs",
    published=None,
    pixel_offset=0.0,
    units=128,
    batch_size=28,
)
# 98.6 ± 0.1 %, 4 minutes.
STACKED_32 = replace(
    KERAS_30,
    name="stacked-32",
    description="three LSTM(32) and Dense(10), RMSprop, 20 epochs",
    published=98.56,
    pixel_offset=0.0,
    layers=3,
    units=32,
    optimizer="rmsprop",
)
# 98.5 ± 0.3 %, 5 minutes.
PADDED_42 = replace(
    STACKED_32,
    name="padded-42",
    description="stacked-32 with 14 blank columns on the right of every image",
    published=98.39,
    pad_columns=14,
)

PUBLISHED_SYSTEMS = (BASIC, DEEP, KERAS_30, BILSTM_30, KERAS_128, STACKED_32, PADDED_42)
