"""Every setting of a network and its training: `Recipe`, whose defaults are the recipe `default`.

This module needs no TensorFlow, so `--help` is quick.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from tf_lstm.field_checks import Count, Share, check_fields

RowOrder = Literal["reading", "reversed", "columns", "permuted", "permuted_pixels", "shuffled"]
# The cells by name, each as "module:class" (see `cells`). To add a cell, add it here.
CELLS = {
    "lstm": "tf_lstm.cells:LSTM",
    "gru": "tf_lstm.cells:GRU",
    "rnn": "tf_lstm.cells:RNN",
    "lstm-no-input-gate": "tf_lstm.cell_variants:NoInputGate",
    "lstm-no-forget-gate": "tf_lstm.cell_variants:NoForgetGate",
    "lstm-no-output-gate": "tf_lstm.cell_variants:NoOutputGate",
    "lstm-coupled-gates": "tf_lstm.cell_variants:CoupledGates",
}
# The initial bias of a forget gate has no effect on these.
WITHOUT_FORGET_GATE = ("gru", "rnn", "lstm-no-forget-gate", "lstm-coupled-gates")


@dataclass(frozen=True)
class Recipe:
    """Every setting of a network and its training.

    Raises:
        ValueError: a setting has an invalid value, or two settings contradict each other.
    """

    name: str = "default"
    description: str = "one layer of 128 units, 4 epochs, loss after every row"
    published: float | None = None  # the published accuracy on the test images, in percent
    baseline: str | None = None  # the name of the recipe that this one is compared with

    # The data; see `rows` and `data.augmentation`.
    validation: bool = True  # hold out 5,000 training images to choose the best weights
    pixel_offset: Annotated[float, -1.0, 1.0] = 0.0  # subtracted from pixels in [0, 1]
    row_order: RowOrder = "reading"
    eval_row_order: RowOrder = "reading"  # for validation and test images
    pad_columns: Annotated[int, 0, 28] = 0  # blank columns added to every image
    pad_position: Literal["side", "between"] = "side"
    time_steps: Count = 28  # 28 rows; 56 are half rows, 14 are pairs of rows
    augment: Literal["none", "affine_elastic", "affine_elastic_centered"] = "none"
    augmented_share: Annotated[float, 0.0, 1.0] = 1.0  # of a batch; the rest stay unchanged

    # The network; see `model`.
    cell: Annotated[str, CELLS] = "lstm"
    # The initial bias of an LSTM's forget gate. "chrono": of both the forget and the input gate, so
    # that the units remember for 1 time step up to the whole sequence (see `initializers`).
    forget_bias: Annotated[float, -20.0, 20.0] | Literal["chrono"] = 1.0
    input_projection: bool = True  # as in the BasicLSTMCell tutorial
    layers: Annotated[int, 1, 100] = 1
    bidirectional: bool = False
    units: Annotated[int, 1, 8192] = 128  # as in the tutorial
    dropout: Share = 0.0  # on the outputs of every layer, during training
    # "glorot": Glorot uniform projections with zero biases, Keras' defaults for the cell;
    # "normal": projections from N(0, 1); "truncated_normal": from N(0, 0.01), cut at two standard
    # deviations; both: biases of 0.1, and BasicLSTMCell's initial values.
    initializer: Literal["glorot", "normal", "truncated_normal"] = "glorot"

    # The training; see `train_step` and `train_loop`.
    # The rows whose losses are minimized. "all": their mean, so that every row's prediction means
    # something; "all_and_last": this mean plus the last row's loss, which then counts most;
    # "last": the loss after the last row alone.
    loss_rows: Literal["all_and_last", "all", "last"] = "all_and_last"
    epochs: Annotated[int, 1, 100_000] = 4  # a minute on 2 cores; `best` trains for longer
    max_steps: Count | None = None  # the number of steps, instead of `epochs`
    # 256 at 8e-3 was chosen on 10,000 held-out training images: as accurate as 128 at 4e-3 (98.97
    # and 99.01 %, means of two seeds), in 0.88 times the wall time.
    batch_size: Annotated[int, 1, 60_000] = 256
    optimizer: Literal["adam", "rmsprop", "muon"] = "adam"
    epsilon: Annotated[float, 1e-12, 1.0] = 1e-7  # the optimizer's; Keras' default
    # With "muon", each step first multiplies the matrices that it updates by
    # 1 - learning rate * weight decay.
    weight_decay: Annotated[float, 0.0, 1.0] = 0.0
    learning_rate: Annotated[float, 1e-9, 10.0] = 8e-3  # the peak of the schedule
    warmup_steps: Annotated[int, 0, 1_000_000] = 100  # up to the peak; only with "cosine"
    lr_schedule: Literal["constant", "cosine"] = "cosine"  # "cosine" reaches 0 after the last step
    global_clipnorm: Annotated[float, 1e-6, 1e6] | None = 1.0
    log_every: Count | None = None  # steps between lines with the batch's accuracy
    # Steps between evaluations on the test images, for comparison with published ones. No choice
    # depends on them; without this setting, the test images are evaluated once, at the end.
    test_every: Count | None = None
    keep_weights: Literal["best", "last"] = "best"  # "best": in validation, at the end of an epoch

    def __post_init__(self) -> None:
        check_fields(self)
        if self.bidirectional and self.loss_rows != "last":
            raise ValueError(
                f"loss_rows is '{self.loss_rows}', but a bidirectional network is trained on the "
                "logits after the last row only: set loss_rows to 'last'"
            )
        if self.forget_bias != 1.0 and self.cell in WITHOUT_FORGET_GATE:
            raise ValueError(
                f"forget_bias is {self.forget_bias!r}, but the cell '{self.cell}' has no forget "
                "gate: set forget_bias to 1 or cell to 'lstm'"
            )
        if self.weight_decay and self.optimizer != "muon":
            raise ValueError(
                f"weight_decay is {self.weight_decay}, but only the optimizer 'muon' uses it: set "
                "optimizer to 'muon' or weight_decay to 0"
            )
        if self.pad_position == "between" and (self.pad_columns == 0 or 28 % self.pad_columns):
            raise ValueError(
                f"pad_columns is {self.pad_columns}, which does not divide 28, as pad_position "
                "'between' requires"
            )
        if 28 * (28 + self.pad_columns) % self.time_steps:
            raise ValueError(
                f"time_steps is {self.time_steps}, which does not divide an image of "
                f"{28 * (28 + self.pad_columns)} pixels"
            )


Precision = Literal["float32", "mixed_bfloat16"]  # of matrix products; see `engines.folded`
PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_bfloat16")

LABELS = ("name", "description", "published", "baseline")  # do not affect the computation
SETTINGS = [field.name for field in fields(Recipe) if field.name not in LABELS]
