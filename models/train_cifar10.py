"""Train the embedded default network on CIFAR-10 and export it as ONNX.

Run from the repository's root, as ``python -m models.train_cifar10 DATA --out FOLDER``.
"""

from __future__ import annotations

import argparse
import copy
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

try:
    import torch
    import torch.nn.functional as F

    from gen.common.files import replacing
    from models.cifar10_data import (
        LABELS,
        Views,
        cut_holes,
        load_split,
        mix_patch,
        normalise,
        pad_images,
        run_command,
    )
    from models.cifar10_net import (
        SqueezeNetCifar,
        count_macs,
        count_weight_bits,
        count_weights,
    )
    from models.cifar10_onnx import export_onnx
    from models.distillation import distillation_loss, read_soft_targets
except ModuleNotFoundError as error:
    if error.name in ("models", "models.cifar10_data"):
        print("error: run this from the repository's root, with python -m", file=sys.stderr)
    else:
        print(f"error: training needs the package {error.name}", file=sys.stderr)
    raise SystemExit(2) from None


BATCH = 250
"""Images at a time, where nothing is learnt from them."""
STATISTICS = 25_000
"""Images that batch norm's final statistics are of."""


@dataclass
class Trainer:
    """One training run: the network, its averaged copy, and how far the schedule has come."""

    args: argparse.Namespace
    net: SqueezeNetCifar = field(default_factory=SqueezeNetCifar)
    step: int = 0
    elapsed_before: float = 0.0

    def __post_init__(self) -> None:
        self.net = self.net.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.ndim == 1]
        groups = [
            {"params": decayed, "weight_decay": self.args.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True)
        self.started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before a resume included."""
        return self.elapsed_before + time.monotonic() - self.started

    def progress(self, steps_per_epoch: int) -> float:
        """Part of the schedule done, 0 to 1: by epochs or by time, whichever is further."""
        parts = [self.step / (steps_per_epoch * self.args.epochs)]
        if self.args.minutes:
            parts.append(self.elapsed / (60 * self.args.minutes))
        return min(1.0, max(parts))

    def learning_rate(self, progress: float) -> float:
        """Linear warm-up, then a half cosine to zero."""
        if progress < self.args.warmup:
            return self.args.lr * max(progress / self.args.warmup, 0.01)
        rest = (progress - self.args.warmup) / (1 - self.args.warmup)
        return self.args.lr * 0.5 * (1 + math.cos(math.pi * rest))

    def train_step(
        self,
        images: torch.Tensor,
        labels: torch.Tensor,
        progress: float,
        teacher: torch.Tensor | None = None,
    ) -> float:
        """One optimiser step, towards the chances (B, 10) of labels and teachers; returns the loss.

        A part of the batches, of :option:`--mix`, is of mixed images.

        Parameters
        ----------
        images
            (B, 32, 32, 3) uint8; mixed or cut in place.
        labels
            (B, 10) float, the chances that the labels give.
        progress
            Part of the schedule that is over, 0 to 1.
        teacher
            (B, 10) float, what :func:`read_soft_targets` gives of these images, or ``None``.
        """
        if self.args.mix > torch.rand(()):
            labels, *mixed = mix_patch(images, labels, *([] if teacher is None else [teacher]))
            teacher = mixed[0] if mixed else None
        elif self.args.cutout:
            cut_holes(images, self.args.cutout)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(progress)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.net(normalise(images))
        loss = F.cross_entropy(logits, labels, label_smoothing=self.args.label_smoothing)
        if teacher is not None:
            loss = 0.1 * loss + 0.9 * distillation_loss(logits, teacher)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return loss.item()

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.args.ema, self.step / (10 + self.step))
        pairs = zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True)
        floats = [(old, new) for old, new in pairs if old.is_floating_point()]
        torch._foreach_lerp_([old for old, _ in floats], [new for _, new in floats], 1 - keep)

    def train_epoch(
        self, padded: torch.Tensor, labels: torch.Tensor, soft_targets: torch.Tensor | None
    ) -> float:
        """Go through the training set once, or until the schedule ends; returns the mean loss.

        Parameters
        ----------
        padded
            Training images with their frame, (N, 40, 40, 3) uint8.
        labels
            (N,) int64.
        soft_targets
            (N, 10) float, what :func:`read_soft_targets` gives, or ``None``.
        """
        self.net.train()
        batch = self.args.batch
        number = self.step // (len(labels) // batch)
        views = Views.random(len(labels), alternate=number)
        order = torch.randperm(len(labels))
        steps = len(order) // batch
        losses = []
        for i in range(steps):
            progress = self.progress(steps)
            if progress >= 1:
                break
            self.net.set_quantised(progress >= self.args.quantise_from)
            index = order[i * batch : (i + 1) * batch]
            images = views.cut(padded, index)
            chances = F.one_hot(labels[index], len(LABELS)).float()
            teacher = soft_targets[index] if soft_targets is not None else None
            losses.append(self.train_step(images, chances, progress, teacher))
        return sum(losses) / max(1, len(losses))

    def save(self, path: Path) -> None:
        """Write a checkpoint in one step."""
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
        }
        with replacing(path) as file:
            torch.save(state, file)

    def restart(self, path: Path) -> None:
        """Begin a new schedule from a checkpoint's averaged weights."""
        state = torch.load(path, weights_only=True)
        self.net.load_state_dict(state["average"])
        self.average.load_state_dict(state["average"])

    def resume(self, path: Path) -> None:
        """Take up a checkpoint."""
        state = torch.load(path, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed_before = state["step"], state["elapsed"]


@torch.no_grad()
def settled(net: SqueezeNetCifar, padded: torch.Tensor) -> SqueezeNetCifar:
    """A copy with rounded weights, and batch norm's statistics anew, of some clean crops.

    Holes and mixed patches shift these, and averaged weights never had any of their own (Y. Wu and
    J. Johnson, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576).
    """
    net = copy.deepcopy(net).train()
    net.set_quantised(True)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over all batches
    views = Views.random(len(padded), alternate=0)
    for index in torch.randperm(len(padded))[:STATISTICS].split(BATCH):
        with torch.autocast("cpu", torch.bfloat16):
            net(normalise(views.cut(padded, index)))
    return net.eval()


@torch.no_grad()
def accuracy(net: SqueezeNetCifar, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Top-1 accuracy in percent, in float32.

    Parameters
    ----------
    net
        Network in evaluation mode.
    images
        (N, 32, 32, 3) uint8.
    labels
        (N,) int64.
    """
    classes = torch.cat([net(normalise(part)).argmax(1) for part in images.split(BATCH)])
    return 100.0 * float((classes == labels).float().mean())


def run(args: argparse.Namespace) -> None:
    """Train to the end of the schedule, with a checkpoint and an ONNX every few epochs."""
    torch.manual_seed(args.seed)
    train_images, train_labels = load_split(args.data, "train", args.cache)
    test_images, test_labels = load_split(args.data, "test", args.cache)
    padded = pad_images(train_images)
    soft_targets = read_soft_targets(args.teacher) if args.teacher else None
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "default.pt"
    trainer = Trainer(args)
    if args.resume and checkpoint.is_file():
        trainer.resume(checkpoint)
    elif args.restart:
        trainer.restart(args.restart)
    weights, macs = count_weights(trainer.net), count_macs(trainer.net)
    bits = count_weight_bits(trainer.net)
    print(f"{weights} weights, {bits} bits, {macs / 1e6:.2f} M multiply-accumulates", flush=True)

    steps = len(train_labels) // args.batch
    done = False
    while not done:
        loss = trainer.train_epoch(padded, train_labels, soft_targets)
        epoch, progress = trainer.step / steps, trainer.progress(steps)
        done = progress >= 1
        line = f"epoch {epoch:6.2f}  {trainer.elapsed / 60:5.1f} min  progress {progress:.3f}"
        line += f"  loss {loss:.4f}"
        if done or round(epoch) % args.every == 1 % args.every:
            trainer.save(checkpoint)
            found = settled(trainer.average, padded)
            line += f"  test {accuracy(found, test_images, test_labels):.2f}"
            export_onnx(found, args.out / "default_float.onnx", normalise(test_images[:1]))
        print(line, flush=True)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m models.train_cifar10", description=__doc__)
    add = parser.add_argument
    add("data", type=Path, help="folder with train.tar and test.tar")
    add("--out", type=Path, required=True, help="folder for the checkpoint and the ONNX")
    add("--cache", type=Path, help="folder to keep the decoded images in")
    add("--epochs", type=int, default=70, help="length of the schedule")
    add("--minutes", type=float, help="end the schedule by this time if the epochs take longer")
    add("--batch", type=int, default=128)
    add("--lr", type=float, default=0.15, help="highest learning rate")
    add("--warmup", type=float, default=0.06, help="part of the schedule that warms up")
    add("--weight-decay", type=float, default=5e-4)
    add("--label-smoothing", type=float, default=0.05)
    add(
        "--teacher",
        type=Path,
        nargs="+",
        help="what teachers wrote of the training images",
    )
    add("--cutout", type=int, default=8, help="side of the hole in each image; 0 for none")
    add("--mix", type=float, default=0.5, help="part of the batches that mix patches of images")
    add("--ema", type=float, default=0.998, help="share of the averaged weights kept each step")
    add("--quantise-from", type=float, default=0.85, help="progress at which weights are rounded")
    add("--every", type=int, default=3, help="epochs between snapshots")
    add("--threads", type=int, help="CPU threads")
    add("--seed", type=int, default=1)
    add("--resume", action="store_true", help="go on from the checkpoint in the out folder")
    add("--restart", type=Path, help="begin with the averaged weights of this checkpoint")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run_command(run, parse_arguments(argv))


if __name__ == "__main__":
    raise SystemExit(main())
