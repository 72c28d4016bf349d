"""Train a large CIFAR-10 network for the default to learn from, and note what it says of images.

Run from the repository's root, as ``python -m models.train_teacher DATA --out FILE``.

The network and its optimiser settings follow K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a
Single GPU" (arXiv 2404.00498), without label smoothing, which spoils a teacher (R. Müller et al.,
"When does label smoothing help?", NeurIPS 2019).
"""

from __future__ import annotations

import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn

from models.cifar10_data import Views, normalise, run_command
from models.distillation import teach, teacher_arguments

BATCH = 1000
MOMENTUM = 0.85
LEARNING_RATE = 11.5  # for 1024 images and the momentum's gain
BIAS_GAIN = 64.0  # how much faster the norms' biases learn
WEIGHT_DECAY = 0.0153
WHITENING_EPOCHS = 3  # after which the first layer's bias is fixed


class Norm(nn.BatchNorm2d):
    """Batch norm without a gain."""

    def __init__(self, channels: int):
        super().__init__(channels, eps=1e-12, momentum=0.4)
        self.weight.requires_grad = False


class Group(nn.Module):
    """Two 3x3 convolutions with a max-pool between them."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = Norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = Norm(outputs)
        for conv in (self.conv1, self.conv2):
            nn.init.dirac_(conv.weight[: conv.in_channels])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Halve the map of (N, inputs, H, W) and return (N, outputs, H // 2, W // 2)."""
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Teacher(nn.Module):
    """Input (N, 3, 32, 32), output (N, 10) logits. The first layer whitens 2x2 patches."""

    def __init__(self, images: torch.Tensor):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.groups = nn.Sequential(Group(24, 64), Group(64, 256), Group(256, 256))
        self.head = nn.Linear(256, 10, bias=False)
        patches = F.unfold(images, 2).transpose(1, 2).reshape(-1, 12)
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        whitening = (vectors / torch.sqrt(values + 5e-4)).T.reshape(12, 3, 2, 2)
        with torch.no_grad():
            self.whiten.weight.copy_(torch.cat([whitening, -whitening]))
            nn.init.zeros_(self.whiten.bias)
        self.whiten.weight.requires_grad = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits."""
        x = self.groups(F.gelu(self.whiten(x)))
        return self.head(F.max_pool2d(x, 3).flatten(1)).float() / 9


def make_optimizer(net: Teacher) -> torch.optim.Optimizer:
    """SGD for losses that are summed over a batch."""
    scale = 1024 * (1 + 1 / (1 - MOMENTUM))
    rate, decay = LEARNING_RATE / scale, WEIGHT_DECAY * BATCH / scale
    trained = [p for p in net.parameters() if p.requires_grad]
    norm_biases = {id(m.bias) for m in net.modules() if isinstance(m, Norm)}
    fast = [p for p in trained if id(p) in norm_biases]
    other = [p for p in trained if id(p) not in norm_biases]
    groups = [
        {"params": fast, "lr": BIAS_GAIN * rate, "weight_decay": decay / (BIAS_GAIN * rate)},
        {"params": other, "lr": rate, "weight_decay": decay / rate},
    ]
    return torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True)


def triangle(progress: float) -> float:
    """The learning rate's factor: up from 0.2 to 1 in the first quarter, then down to 0.07."""
    if progress < 0.23:
        return 0.2 + 0.8 * progress / 0.23
    return 1 - 0.93 * (progress - 0.23) / 0.77


def train(net: Teacher, padded: torch.Tensor, labels: torch.Tensor, epochs: float) -> None:
    """Train for `epochs` passes, with slow weights that pull the fast ones back (lookahead).

    Parameters
    ----------
    net
    padded
        Training images with their frame, (N, 40, 40, 3) uint8.
    labels
        (N,) int64.
    epochs
        Need not be whole.
    """
    optimizer = make_optimizer(net)
    steps = len(labels) // BATCH
    total = round(epochs * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: triangle(step / total))
    slow = [value.clone() for value in net.state_dict().values() if value.is_floating_point()]
    began = time.monotonic()
    net.train()
    for step in range(total):
        if step % steps == 0:
            order = torch.randperm(len(labels))
            views = Views.random(len(labels), alternate=step // steps)
        net.whiten.bias.requires_grad = step < WHITENING_EPOCHS * steps
        index = order[step % steps * BATCH :][:BATCH]
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(normalise(views.cut(padded, index)))
        loss = F.cross_entropy(logits, labels[index], reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 5 == 4 or step == total - 1:
            keep = 0.95**5 * (step / total) ** 3 if step < total - 1 else 1.0
            fast = [value for value in net.state_dict().values() if value.is_floating_point()]
            torch._foreach_lerp_(slow, fast, 1 - keep)
            torch._foreach_copy_(fast, slow)
        if step % steps == steps - 1:
            minutes = (time.monotonic() - began) / 60
            print(
                f"epoch {(step + 1) / steps:.0f}  {minutes:.1f} min  "
                f"loss {loss.item() / BATCH:.4f}",
                flush=True,
            )


def predict(net: Teacher, images: torch.Tensor) -> torch.Tensor:
    """Logits of (N, 32, 32, 3) uint8 images."""
    with torch.autocast("cpu", torch.bfloat16):
        return torch.cat([net(normalise(part)) for part in images.split(BATCH)])


def run(args: argparse.Namespace) -> None:
    """Train, test, and write what the network says of the training images."""
    teach(args, lambda images: Teacher(normalise(images[:5000])), train, predict)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = teacher_arguments("train_teacher", __doc__, epochs=22, crops=12)
    return run_command(run, parser.parse_args(argv))


if __name__ == "__main__":
    raise SystemExit(main())
