"""Inside the LSTM: gates, memory, evidence and gradients of a trained network.

It needs no training: it uses the network that comes with the repository. Run it (half a minute), or
cell by cell: in an editor that knows `# %%`, or as inside_the_lstm.ipynb.
"""

# %% The network and one image: a 4 of MNIST that looks like a 6 until its second stroke is read
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

page = Path(globals().get("__file__", "inside_the_lstm.py")).resolve()  # cells have no __file__
repository = next(folder for folder in page.parents if (folder / "tf_lstm").is_dir())
sys.path.insert(0, str(repository))
from tf_lstm.terminal.startup import import_tensorflow

tf = import_tensorflow()  # without its start-up messages
from tf_lstm.data.dataset import load_dataset
from tf_lstm.evaluation import row_predictions
from tf_lstm.inside import evidence, gates_and_states, gradients_through_time
from tf_lstm.runs.locate import TRAINED, open_run

run = open_run(TRAINED)  # or open_run() for your own newest run, open_run("runs/NAME") for any
model = run.kept_model("gates")  # computed by the equations in tf_lstm/cells.py
dataset = load_dataset()
index = 1938 % len(dataset.test.labels)
image, label = dataset.test.images[index : index + 1], int(dataset.test.labels[index])
probabilities = row_predictions(model, image)[0]  # (28, 10)
predicted = probabilities.argmax(axis=1)
print(f"{dataset.name}, test image {index}, a {label}")
print("predicted after each row:", *predicted)

# %% Every gate and state of every unit after every row, from top to bottom. Each column is a unit.
# Forget gates (f) near 1 keep the memory; input gates (i) near 1 let the candidate (g) in
(layer,) = gates_and_states(model, image)  # a dictionary of (1, 28, 128) for each layer
figure, axes = plt.subplots(1, 1 + len(layer), figsize=(13, 3.2), layout="constrained")
extent = (0.5, 128.5, 28.5, 0.5)  # rows and units count from 1
axes[0].imshow(image[0], cmap="gray", aspect="auto", extent=extent)
axes[0].set(title="image", ylabel="row", xticks=[])
for panel, (name, values) in zip(axes[1:], layer.items(), strict=True):
    signed = name in ("g", "hidden", "cell_state")
    limits = {"cmap": "PuOr", "vmin": -2, "vmax": 2} if signed else {"cmap": "Greys", "vmax": 1}
    panel.imshow(values[0], aspect="auto", extent=extent, **limits)
    panel.set(title=name, xticks=[], yticks=[])

# %% The means over the units: where the network forgets, takes in and shows
for name in ("f", "i", "o"):
    if name in layer:
        print(name, " ".join(f"{mean:.2f}" for mean in layer[name][0].mean(axis=1)))

# %% The evidence of each row: how much it changes the log-probability of the predicted class and
# of its rival, in nats. The sum over the rows is the final log-probability
changes = evidence(model, image)[0]  # (28, 10)
rival, first = np.argsort(probabilities[-1])[-2:]
figure, panel = plt.subplots(figsize=(8, 2.6), layout="constrained")
panel.bar(np.arange(1, 29) - 0.2, changes[:, first], 0.4, label=f"for {first}")
panel.bar(np.arange(1, 29) + 0.2, changes[:, rival], 0.4, label=f"for {rival}")
panel.axhline(0, color="black", linewidth=0.8)
panel.set(xlabel="row", ylabel="nats")
_ = panel.legend()
print(f"final log-probability of {first}: {changes[:, first].sum():.4f}")

# %% Erase the memory after row 14 and read on, for 500 images: what is lost is what only the state
# knew
images, labels = dataset.test.images[:500], dataset.test.labels[:500]
cell = model.layers[0].cell
inputs = tf.cast(images, tf.float32) / 255 @ model.weights["in"] + model.biases["in"]
for erase in (False, True):
    state = cell.zero_state(len(images))
    for row in range(28):
        if erase and row == 14:
            state = cell.zero_state(len(images))
        hidden, state = cell.step(inputs[:, row], state)
    logits = hidden @ model.weights["out"] + model.biases["out"]  # (500, 10)
    correct = np.mean(tf.argmax(logits, axis=1) == labels)
    print(f"{'memory erased' if erase else 'memory kept'}: {100 * correct:.1f} % correct")

# %% The gradient through time: how strongly the loss after the last row depends on the state after
# each row, for 200 images. A network can only learn to remember where this is not 0
gradients = gradients_through_time(model, images[:200], labels[:200])
figure, panel = plt.subplots(figsize=(8, 2.6), layout="constrained")
for name, values in gradients[0].items():  # each (200, 28, 128)
    norms = np.linalg.norm(values, axis=2)  # (200, 28)
    panel.semilogy(range(1, 29), np.median(norms / norms[:, -1:], axis=0), label=name)
panel.set(xlabel="row", ylabel="norm, relative to the last row")
_ = panel.legend()

# %% In a script, the figures are written to a file each
(repository / "figures").mkdir(exist_ok=True)
for number in plt.get_fignums():
    plt.figure(number).savefig(repository / "figures" / f"inside_the_lstm_{number}.png")
