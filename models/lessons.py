"""What teachers say of the training images, for the default network to follow (distillation)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from models.cifar10_data import Views

TEMPERATURE = 4.0
"""Of the softmax through which a teacher is followed."""


def teacher_arguments(
    name: str, description: str | None, epochs: float, crops: int
) -> argparse.ArgumentParser:
    """The command line of the module ``models.NAME`` that trains a teacher."""
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


def write_lessons(
    path: Path, crops: int, padded: torch.Tensor, predict: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    """Note a teacher's logits for some random views of a padded training set (.npz)."""
    count = len(padded)
    views = (Views.random(count, alternate=number) for number in range(crops))
    logits = torch.stack([predict(view.cut(padded, torch.arange(count))) for view in views])
    np.savez(path, logits=logits.numpy().astype(np.float16))


def read_lessons(paths: Sequence[Path]) -> torch.Tensor:
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
