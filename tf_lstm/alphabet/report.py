"""What `scripts/learn_alphabet.py` prints: each framing, its accuracy and its predictions."""

from typing import TYPE_CHECKING

from tf_lstm.alphabet.framings import ALPHABET, Framing, make_samples

if TYPE_CHECKING:
    from tf_lstm.alphabet.model import LetterClassifier
    from tf_lstm.alphabet.training import FramingResult


def describe_framing(framing: Framing) -> str:
    """The shape of the input and the training settings, in three lines."""
    order = "in a new order every epoch" if framing.shuffled else "always in order"
    return (
        f"{framing.title}: {framing.description}\n"
        f"  input     {make_samples(framing).inputs.shape} = (samples, time steps, features)\n"
        f"  training  LSTM({framing.units}), {framing.epochs:,} epochs, "
        f"batch {framing.batch_size}, {order}"
    )


def describe_accuracy(result: "FramingResult") -> str:
    """The accuracy after the last epoch, with the published one."""
    last = 100 * result.accuracy[:, -1]
    spread = f" ± {last.std(ddof=1):.2f}" if len(last) > 1 else ""
    published = f"   published {100 * result.framing.published_accuracy:.2f} %"
    return f"{last.mean():.2f}{spread} %{'' if result.framing.variant else published}"


def describe_miss(result: "FramingResult") -> str:
    """A note if the published accuracy lies outside mean ± standard deviation, otherwise ""."""
    accuracy, published = 100 * result.accuracy, 100 * result.framing.published_accuracy
    last, end = accuracy[:, -1], accuracy[:, -len(result.epochs) // 10 :]
    if result.framing.variant or len(last) < 2 or abs(published - last.mean()) <= last.std(ddof=1):
        return ""
    return (
        f"\n    {published:.2f} %, the last epoch of a single run, lies outside this range. In"
        f"\n    the last tenth of the epochs, it varied from {end.min():.2f} to {end.max():.2f} %."
    )


def describe_predictions(result: "FramingResult") -> str:
    """The prediction of the last seed's network for each string, in columns; ✗ marks errors."""
    samples = result.samples
    predictions = result.model.predict(samples.inputs)
    entries = {  # a dictionary, because sampled strings repeat
        string: f"{' '.join(string)} -> {ALPHABET[predicted]}{' ' if predicted == label else '✗'}"
        for string, label, predicted in zip(
            samples.strings, samples.labels, predictions, strict=True
        )
    }
    width = max(map(len, entries.values())) + 2
    in_order = sorted(entries, key=lambda string: (len(string), string))
    cells = [f"{entries[string]:{width}}" for string in in_order]
    per_line = 92 // width
    return "\n".join(
        f"    {''.join(cells[start : start + per_line]).rstrip()}"
        for start in range(0, len(cells), per_line)
    )


def describe_generation(model: "LetterClassifier") -> str:
    """Letters that a stateful network generates from its own predictions, in two lines."""
    return (
        f"  from A    {model.generate('A', 25)}, each letter predicted from the one before\n"
        f"  from K    {model.generate('K', 5)}, from the zero state, as only A was in training"
    )


def explain_within_batch(
    in_order: "FramingResult", shuffled: "FramingResult", single: "FramingResult"
) -> str:
    """Why `within-batch` works, from the measurements of its three variants."""
    weights, shuffled_weights = (
        result.model.variables_by_name.values() for result in (in_order, shuffled)
    )
    difference = max(
        abs(one.numpy() - other.numpy()).max()
        for one, other in zip(weights, shuffled_weights, strict=True)
    )
    accuracy = 100 * in_order.accuracy.mean(axis=0)
    tenth, epochs = len(accuracy) // 10, in_order.framing.epochs
    return (
        "  No state flows between the samples of a batch: each starts from the zero state.\n"
        "  Shuffling the batch in every epoch gives the same weights (largest difference "
        f"{difference:.0e}).\n"
        "  The number of epochs explains the accuracy: it was "
        f"{accuracy[tenth]:.2f} % after {in_order.epochs[tenth]:,} epochs and\n"
        f"  {accuracy[-1]:.2f} % after {epochs:,}. One letter per batch reached "
        f"{100 * single.accuracy[:, -1].mean():.2f} % in as many epochs."
    )
