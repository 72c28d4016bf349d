"""The embedded default network: a SqueezeNet with simple bypass for 32x32 images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 10
CONV10_BITS = 6
STEPS = {4: 0.335, 5: 0.188, 6: 0.104}
"""Step of the uniform quantiser with the least mean square error for a normal distribution, as a
part of its standard deviation, by bits (J. Max, "Quantizing for minimum distortion", 1960)."""


@dataclass(frozen=True)
class FireSpec:
    """Channel counts of one fire module; both expand branches have `expand` channels."""

    squeeze: int
    expand: int
    bits: int


@dataclass(frozen=True)
class NetSpec:
    """The whole network: conv1's channels, then groups of fires with a max-pool between groups."""

    conv1: int
    conv1_bits: int
    groups: tuple[tuple[FireSpec, ...], ...]


DEFAULT = NetSpec(
    conv1=64,
    conv1_bits=6,
    groups=(
        (FireSpec(16, 32, 4),),
        (FireSpec(32, 64, 4),) * 4,
        (FireSpec(48, 96, 4),) * 3,
    ),
)


def quantise_weight(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Round a weight to `bits` signed bits with one scale for each output channel.

    The gradient passes straight through the rounding, and stops where the weight is clipped.
    """
    top = 2 ** (bits - 1) - 1
    values = weight.detach()
    largest = values.abs().amax(dim=(1, 2, 3), keepdim=True) / top
    usual = STEPS[bits] * values.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    scale = torch.minimum(largest, usual).clamp_min(1e-8)
    clipped = torch.maximum(torch.minimum(weight, top * scale), -top * scale)
    rounded = (clipped.detach() / scale).round() * scale
    return clipped + (rounded - clipped.detach())


class ConvBNReLU(nn.Module):
    """Convolution, batch norm, ReLU; "same" padding. `quantised` rounds the weights.

    Parameters
    ----------
    inputs, outputs
        Channels.
    kernel
        Side of the kernel, odd.
    bits
        Of a rounded weight, with its sign.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, bits: int):
        super().__init__()
        self.bits = bits
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.quantised = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the layer, in training mode with the batch's statistics."""
        x = F.conv2d(x, self.weight(), padding=self.conv.padding)
        return F.relu(self.bn(x))

    def weight(self) -> torch.Tensor:
        """The weight as it is used: rounded or not."""
        weight = self.conv.weight
        return quantise_weight(weight, self.bits) if self.quantised else weight

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of the one convolution that equals convolution and batch norm."""
        gain = self.bn.weight / torch.sqrt(self.bn.running_var + self.bn.eps)
        weight = self.weight() * gain[:, None, None, None]
        return weight.detach(), (self.bn.bias - self.bn.running_mean * gain).detach()


class Fire(nn.Module):
    """Squeeze 1x1, expand 1x1 beside expand 3x3; adds its input where the channels match."""

    def __init__(self, inputs: int, spec: FireSpec):
        super().__init__()
        self.squeeze1x1 = ConvBNReLU(inputs, spec.squeeze, 1, spec.bits)
        self.expand1x1 = ConvBNReLU(spec.squeeze, spec.expand, 1, spec.bits)
        self.expand3x3 = ConvBNReLU(spec.squeeze, spec.expand, 3, spec.bits)
        self.outputs = 2 * spec.expand
        self.bypass = inputs == self.outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the module; the channels of expand 1x1 come first."""
        squeezed = self.squeeze1x1(x)
        y = torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], dim=1)
        return y + x if self.bypass else y


class SqueezeNetCifar(nn.Module):
    """Input (N, 3, 32, 32) of (code - 128) / 64, output (N, 10) logits."""

    def __init__(self, spec: NetSpec = DEFAULT):
        super().__init__()
        self.spec = spec
        self.quantised = False
        self.conv1 = ConvBNReLU(3, spec.conv1, 3, spec.conv1_bits)
        channels, number = spec.conv1, 2
        self.order: list[str] = []
        for group in spec.groups:
            for fire_spec in group:
                fire = Fire(channels, fire_spec)
                self.add_module(f"fire{number}", fire)
                self.order.append(f"fire{number}")
                channels, number = fire.outputs, number + 1
            self.order.append("pool")
        self.order.pop()
        self.conv10 = nn.Conv2d(channels, CLASSES, 1)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        nn.init.normal_(self.conv10.weight, std=0.01)
        nn.init.zeros_(self.conv10.bias)

    def set_quantised(self, on: bool) -> None:
        """Train and evaluate with rounded weights in all layers, or not."""
        self.quantised = on
        for module in self.modules():
            if isinstance(module, ConvBNReLU):
                module.quantised = on

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits."""
        x = self.conv1(x)
        for name in self.order:
            if name == "pool":
                x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
            else:
                x = getattr(self, name)(x)
        return F.conv2d(x, self.conv10_weight(), self.conv10.bias).float().mean(dim=(2, 3))

    def conv10_weight(self) -> torch.Tensor:
        """The last layer's weight as it is used: rounded or not."""
        weight = self.conv10.weight
        return quantise_weight(weight, CONV10_BITS) if self.quantised else weight

    def weight_bits(self) -> dict[str, int]:
        """Bits of every convolution's weights, by the layer's name."""
        layers = {
            name.replace(".", "/"): module.bits
            for name, module in self.named_modules()
            if isinstance(module, ConvBNReLU)
        }
        return layers | {"conv10": CONV10_BITS}


def count_weights(net: nn.Module) -> int:
    """Number of convolution weights, without biases."""
    return sum(m.weight.numel() for m in net.modules() if isinstance(m, nn.Conv2d))


def count_weight_bits(net: SqueezeNetCifar) -> int:
    """Bits of all convolution weights."""
    widths = net.weight_bits()
    return sum(
        count_weights(net.get_submodule(name.replace("/", "."))) * bits
        for name, bits in widths.items()
    )


def count_macs(net: SqueezeNetCifar) -> int:
    """Multiply-accumulates of all convolutions for one 32x32 image."""
    total, side = 0, 32
    for name in ["conv1", *net.order, "conv10"]:
        if name == "pool":
            side = (side - 3 + 1) // 2 + 1
            continue
        part = getattr(net, name)
        total += count_weights(part) * side * side
    return total
