"""An LSTM that reads handwritten digits row by row: the whole idea on one page.

Run it (a minute on 2 cores), or cell by cell: in an editor that knows `# %%`, or as tutorial.ipynb.
"""

# %% Settings
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no error about a missing GPU
import matplotlib.pyplot as plt
import numpy as np

errors = os.dup(2)  # standard error, where TensorFlow writes about the machine during its import
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
try:
    import tensorflow as tf
finally:
    os.dup2(errors, 2)

page = Path(globals().get("__file__", "tutorial.py")).resolve()  # cells have no __file__
home = next((folder for folder in page.parents if (folder / "tf_lstm").is_dir()), page.parent)
sys.path.insert(0, str(home))  # the repository, or the folder of this page if it was copied alone

time_steps, features, num_classes = 28, 28, 10  # an image is a sequence of 28 rows of 28 pixels
units, batch_size, epochs = 128, 256, 3
tf.keras.utils.set_random_seed(0)  # the same numbers in every run

# %% Data: MNIST (55,000 images to train on), or synthetic digits if it cannot be downloaded
try:
    from tf_lstm.data.dataset import load_dataset

    dataset = load_dataset()
    train_images, train_labels = dataset.train.images, dataset.train.labels  # (n, 28, 28), (n,)
    test_images, test_labels, data_name = dataset.test.images, dataset.test.labels, dataset.name
except ImportError:  # the repository is not here: TensorFlow's own loader
    (images, labels), (test_images, test_labels) = tf.keras.datasets.mnist.load_data()
    data_name, train_images, train_labels = "MNIST", images[5000:], labels[5000:].astype(np.int32)
total_steps = epochs * (len(train_labels) // batch_size)
print(f"{data_name}: {len(train_labels):,} training images, {total_steps} steps")

# %% Variables: two projections, and the LSTM's kernel, recurrent kernel and bias; the optimizer
glorot = tf.keras.initializers.GlorotUniform  # a new one each time: an object repeats its numbers
weights = {
    "in": tf.Variable(glorot()((features, units))),
    "out": tf.Variable(glorot()((units, num_classes))),
}
biases = {"in": tf.Variable(tf.zeros(units)), "out": tf.Variable(tf.zeros(num_classes))}
cell = tf.keras.layers.LSTMCell(units)
cell.build((None, units))
cell_variables = [v.value for v in cell.trainable_variables]  # Keras wraps TensorFlow's variables
variables = [*weights.values(), *biases.values(), *cell_variables]
# The learning rate rises to 8e-3 over a sixth of the steps, then decays to 0
schedule = tf.keras.optimizers.schedules.CosineDecay(
    1e-4, total_steps - total_steps // 6, warmup_target=8e-3, warmup_steps=total_steps // 6
)
optimizer = tf.keras.optimizers.Adam(schedule)
optimizer.build(variables)  # a traced function cannot create the optimizer's variables


# %% The network: project every row, unroll the cell over the rows, read logits after every row
def predict_logits(images: tf.Tensor) -> tf.Tensor:
    rows = tf.cast(images, tf.float32) / 255  # (batch, 28 rows, 28 pixels)
    rows = tf.reshape(rows, (-1, features))  # (batch * 28, 28)
    projected = tf.reshape(rows @ weights["in"] + biases["in"], (-1, time_steps, units))
    hidden = cell_state = tf.zeros((tf.shape(images)[0], units))
    logits = []
    for inputs in tf.unstack(projected, axis=1):  # each (batch, units)
        _, (hidden, cell_state) = cell(inputs, [hidden, cell_state])  # both (batch, units)
        logits.append(hidden @ weights["out"] + biases["out"])  # (batch, 10)
    return tf.stack(logits, axis=1)  # (batch, 28, 10)


# %% The loss: the mean over all rows, plus the last row's, so that the last row counts most.
# With the loss after the last row alone, the logits after the earlier rows would mean nothing
def compute_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    labels_by_row = tf.repeat(labels[:, tf.newaxis], time_steps, axis=1)  # (batch, 28)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels_by_row, logits)  # (batch, 28)
    return tf.reduce_mean(losses[:, -1] + tf.reduce_mean(losses, axis=1))


# %% One training step
def train_step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.GradientTape() as tape:
        logits = predict_logits(images)
        loss = compute_loss(logits, labels)
    gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)  # bounds each step
    optimizer.apply(gradients, variables)
    correct = tf.argmax(logits[:, -1], axis=1, output_type=tf.int32) == labels
    return loss, tf.reduce_mean(tf.cast(correct, tf.float32))


# %% The loop: every epoch visits the images in a new order
traced_step = tf.function(train_step)  # becomes a graph, for the variables of this moment
rng, started = np.random.default_rng(0), time.monotonic()
for _ in range(epochs):
    order = rng.permutation(len(train_labels))
    for start in range(0, len(order) - batch_size + 1, batch_size):  # leaves out a smaller batch
        batch = order[start : start + batch_size]
        loss, accuracy = traced_step(train_images[batch], train_labels[batch])
        step = int(optimizer.iterations.numpy())
        if step % 100 == 1 or step == total_steps:
            print(f"step {step:3}  loss {loss:.3f}  accuracy on this batch {100 * accuracy:5.1f} %")
print(f"trained in {time.monotonic() - started:.0f} s")

# %% The accuracy on the test images, which have not been used so far
predicted = [tf.argmax(predict_logits(p)[:, -1], axis=1) for p in np.array_split(test_images, 20)]
accuracy = np.mean(np.concatenate(predicted) == test_labels)
print(f"{data_name}, {len(test_labels):,} test images: accuracy {100 * accuracy:.2f} %")

# %% How one prediction forms: the softmax after every row. This 4 of MNIST looks like a 6 at first
index = 1938 % len(test_labels)
image, label = test_images[index], test_labels[index]
row_predictions = tf.nn.softmax(predict_logits(image[np.newaxis])[0]).numpy()  # (28, 10)
figure, axes = plt.subplots(7, 4, figsize=(10, 13), sharey=True, layout="constrained")
for row, (panel, probabilities) in enumerate(zip(axes.flat, row_predictions, strict=True), 1):
    colors = ["tab:blue" if digit == label else "tab:gray" for digit in range(num_classes)]
    panel.bar(range(num_classes), probabilities, color=colors)
    panel.set(title=f"after row {row}", xticks=range(num_classes), ylim=(0, 1))
figure.suptitle(f"{data_name}, test image {index}, a {label} (blue)")
figure.supxlabel("digit")
figure.supylabel("probability")
(home / "figures").mkdir(exist_ok=True)
figure.savefig(home / "figures" / "tutorial.png")
print("row predictions in figures/tutorial.png")
