"""The network that ships with firebrick."""

from __future__ import annotations

from pathlib import Path

from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network

DEFAULT_PATH = Path(__file__).resolve().parents[2] / "models" / "default.npz"


def default_network() -> QuantizedNetwork:
    """The embedded default: a SqueezeNet with bypass for CIFAR-10's ten classes at 32x32."""
    return load_network(DEFAULT_PATH)
