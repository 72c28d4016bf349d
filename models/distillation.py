"""What teachers say of the training images, for the default network to follow (distillation)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from models.cifar10_data import Views, load_split, pad_images

Net = TypeVar("Net", bound=nn.Module)

TEMPERATURE = 4.0
"""Of the softmax through which a teacher is followed."""


def teacher_arguments(
    name: str, description: str | None, epochs: float, crops: int
) -> argparse.ArgumentParser:
    """The command line of the module ``models.NAME`` that trains a teacher.

    Parameters
    ----------
    name
    description
        What ``--help`` says first.
    epochs, crops
        Defaults of the options of these names.
    """
    parser = argparse.ArgumentParser(prog=f"python -m models.{name}", description=description)
    add = parser.add_argument
    add("data", type=Path, help="folder with train.tar and test.tar")
    add("--out", type=Path, required=True, help="file for what the teacher says (.npz)")
    add("--cache", type=Path, help="folder to keep the decoded images in")
    add("--epochs", type=float, default=epochs)
    add("--crops", type=int, default=crops, help="crops of each image to note")
    add("--threads", type=int, help="CPU threads")
    add("--seed", type=int, default=1)
    return parser


def teach(
    args: argparse.Namespace,
    make: Callable[[torch.Tensor], Net],
    train: Callable[[Net, torch.Tensor, torch.Tensor, float], None],
    predict: Callable[[Net, torch.Tensor], torch.Tensor],
) -> None:
    """Train a teacher, test it, and note what it says of random views of the training images.

    Parameters
    ----------
    args
        What :func:`teacher_arguments` reads.
    make
        From the training images (N, 32, 32, 3) uint8, an untrained network.
    train
        From it, the padded images, labels (N,), and the epochs to train for.
    predict
        From it and images (B, 32, 32, 3), logits (B, 10).
    """
    torch.manual_seed(args.seed)
    images, labels = load_split(args.data, "train", args.cache)
    test_images, test_labels = load_split(args.data, "test", args.cache)
    padded, count = pad_images(images), len(images)
    net = make(images).to(memory_format=torch.channels_last)
    train(net, padded, labels, args.epochs)
    with torch.no_grad():
        net.eval()
        right = (predict(net, test_images).argmax(1) == test_labels).float().mean()
        print(f"test {100 * right:.2f}", flush=True)
        views = (Views.random(count, alternate=number) for number in range(args.crops))
        logits = [predict(net, view.cut(padded, torch.arange(count))) for view in views]
    np.savez(args.out, logits=torch.stack(logits).numpy().astype(np.float16))


def read_soft_targets(paths: Sequence[Path]) -> torch.Tensor:
    """The softened classes of every image, (N, 10): the mean over teachers and over their views.

    A mean serves any crop. So a student need not see the few views again and again that its
    teachers saw, and learn them by heart.
    """
    return torch.stack([_soft(_logits(path)).mean(0) for path in paths]).mean(0)


def _logits(path: Path) -> torch.Tensor:
    with np.load(path) as arrays:
        return torch.from_numpy(arrays["logits"]).float()


def _soft(logits: torch.Tensor) -> torch.Tensor:
    return F.softmax(logits / TEMPERATURE, dim=-1)


def distillation_loss(logits: torch.Tensor, chances: torch.Tensor) -> torch.Tensor:
    """Divergence from the teachers' softened classes (G. Hinton et al., arXiv 1503.02531)."""
    ours = F.log_softmax(logits / TEMPERATURE, dim=1)
    return TEMPERATURE**2 * F.kl_div(ours, chances, reduction="batchmean")
