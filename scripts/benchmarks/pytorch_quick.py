"""The recipe `quick` in PyTorch: the same network, loss, optimizer and schedule in a plain loop.

The input projection is folded into the LSTM's kernel by hand, because that is PyTorch's fastest.
"""

import math
from typing import Any

import numpy as np

from tf_lstm.data.dataset import Split, load_dataset
from tf_lstm.recipes import QUICK

INFERENCE_BATCH = 500


def quick_network(units: int) -> Any:
    """A module: (n, 28, 28) rows -> (n, 28, 10) logits after every row."""
    import torch

    class RowClassifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project_in = torch.nn.Linear(28, units)
            self.project_out = torch.nn.Linear(units, 10)
            self.kernel = torch.nn.Parameter(torch.empty(4 * units, units))
            self.lstm = torch.nn.LSTM(28, units, batch_first=True)
            own = dict(self.named_parameters())
            for name, parameter in own.items():
                if "bias" in name:
                    torch.nn.init.zeros_(parameter)
                elif name == "lstm.weight_hh_l0":
                    torch.nn.init.orthogonal_(parameter)
                else:
                    torch.nn.init.xavier_uniform_(parameter)
            torch.nn.init.ones_(own["lstm.bias_hh_l0"].data[units : 2 * units])  # forget gates
            for name in ("lstm.weight_ih_l0", "lstm.bias_ih_l0"):  # the folded kernel replaces them
                own[name].requires_grad = False

        def forward(self, rows: Any) -> Any:
            folded = {
                "weight_ih_l0": self.kernel @ self.project_in.weight,  # (4 * units, 28)
                "bias_ih_l0": self.kernel @ self.project_in.bias,
            }
            hidden, _ = torch.func.functional_call(self.lstm, folded, (rows,))
            return self.project_out(hidden)

    return RowClassifier()


def learning_rate(step: int, total_steps: int) -> float:
    """Of `quick`'s schedule: a linear rise, then a cosine decay to 0."""
    warmup = min(QUICK.warmup_steps, total_steps // 2)
    if step < warmup:
        start = QUICK.learning_rate / warmup
        return start + (QUICK.learning_rate - start) * step / warmup
    decayed = (step - warmup) / (total_steps - warmup)
    return QUICK.learning_rate * (1 + math.cos(math.pi * decayed)) / 2


def train_pytorch(data: str | None, seed: int, bfloat16: bool) -> float:
    """Train `quick` in PyTorch for its one epoch.

    Args:
        data: as for `load_dataset`.
        seed: of the initial values and of the order of the images.
        bfloat16: compute the forward pass under autocast.

    Returns:
        The test accuracy, 0 to 1. The validation images are evaluated too, as in train_mnist.py.
    """
    import torch

    dataset = load_dataset(data)
    torch.manual_seed(seed)
    rows = torch.from_numpy(dataset.train.images.astype(np.float32) / 255)
    labels = torch.from_numpy(dataset.train.labels).long()
    model = quick_network(QUICK.units)
    matrices = [model.project_in.weight, model.kernel, model.lstm.weight_hh_l0]
    others = [
        parameter
        for parameter in model.parameters()
        if parameter.requires_grad and not any(parameter is matrix for matrix in matrices)
    ]
    optimizers = [
        torch.optim.Muon(matrices, weight_decay=QUICK.weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.Adam(others, fused=True),
    ]
    total_steps = math.ceil(len(labels) / QUICK.batch_size)

    def logits_of(batch: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return model(batch).float()  # (n, 28, 10)

    def loss_of(logits: Any, batch_labels: Any) -> Any:
        every = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), batch_labels.repeat_interleave(28), reduction="none"
        ).view(-1, 28)
        return (every[:, -1] + every.mean(1)).mean()

    def accuracy_of(split: Split) -> float:
        images = torch.from_numpy(split.images.astype(np.float32) / 255)
        with torch.inference_mode():
            batches = torch.split(images, INFERENCE_BATCH)
            predicted = torch.cat([logits_of(batch)[:, -1].argmax(1) for batch in batches])
        return float((predicted.numpy() == split.labels).mean())

    for step, batch in enumerate(torch.split(torch.randperm(len(labels)), QUICK.batch_size)):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = learning_rate(step, total_steps)
            optimizer.zero_grad()
        loss_of(logits_of(rows[batch]), labels[batch]).backward()
        torch.nn.utils.clip_grad_norm_([*matrices, *others], 1.0)  # QUICK's global_clipnorm
        for optimizer in optimizers:
            optimizer.step()
    print(f"validation accuracy: {100 * accuracy_of(dataset.validation):.2f}")
    return accuracy_of(dataset.test)
