"""SqueezeNet-family networks with seeded random integers, for tests."""

import numpy as np

from gen.ir.check import check
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Add, Concat, Conv, GlobalSum, MaxPool, Op, Tensor
from gen.ir.preprocessing import Preprocessing


class Builder:
    """Adds ops one after another; each method returns the new tensor's name."""

    def __init__(self, size: int, bits: int, seed: int = 1):
        self.bits, self.rng = bits, np.random.default_rng(seed)
        self.ops: list = []
        self.tensors = {INPUT: Tensor(INPUT, (size, size, 3), 1.0)}

    def _append(self, op: Op) -> str:
        self.ops.append(op)
        shape = op.output_shape([self.tensors[name].shape for name in op.inputs])
        bits = 32 if isinstance(op, GlobalSum) else 8
        self.tensors[op.name] = Tensor(op.name, shape, 1.0, bits=bits)
        return op.name

    def conv(self, name: str, x: str, cout: int, kernel: int, stride: int = 1, pad: int = 0) -> str:
        cin = self.tensors[x].shape[2]
        limit = 1 << (self.bits - 1)
        weights = self.rng.integers(-limit, limit, (cout, kernel, kernel, cin), dtype=np.int8)
        return self._append(
            Conv(
                name=name,
                inputs=(x,),
                weights=weights,
                weight_bits=self.bits,
                weight_scale=np.ones(cout),
                bias=self.rng.integers(-1000, 1000, cout, dtype=np.int32),
                multiplier=self.rng.integers(1 << 14, 1 << 15, cout, dtype=np.uint16),
                shift=24,
                low=0,
                high=255,
                stride=stride,
                pad=(pad,) * 4,
                pad_code=(0,) * cin,
            )
        )

    def fire(self, name: str, x: str, squeeze: int, expand: int, bypass: bool = False) -> str:
        s = self.conv(f"{name}/squeeze1x1", x, squeeze, 1)
        one = self.conv(f"{name}/expand1x1", s, expand, 1)
        three = self.conv(f"{name}/expand3x3", s, expand, 3, pad=1)
        y = self._append(Concat(f"{name}/concat", (one, three)))
        if bypass:
            y = self._append(Add(f"{name}/add", (x, y), (1 << 14, 1 << 14), 15, 0, 255))
        return y

    def pool(self, name: str, x: str) -> str:
        return self._append(MaxPool(name, (x,), 3, 2, ceil=True))

    def finish(self, name: str, x: str) -> QuantizedNetwork:
        self._append(GlobalSum("sums", (x,)))
        size, _, _ = self.tensors[INPUT].shape
        classes = self.tensors["sums"].shape[2]
        network = QuantizedNetwork(
            name=name,
            ops=tuple(self.ops),
            tensors=self.tensors,
            labels=tuple(f"class {i}" for i in range(classes)),
            preprocessing=Preprocessing(size, (size, size)),
        )
        check(network)
        return network


def squeezenet1_1(bits: int = 8) -> QuantizedNetwork:
    """SqueezeNet v1.1 at 224 x 224."""
    b = Builder(224, bits)
    x = b.pool("pool1", b.conv("conv1", INPUT, 64, 3, stride=2))
    for first, squeeze, expand in ((2, 16, 64), (4, 32, 128)):
        x = b.fire(f"fire{first}", x, squeeze, expand)
        x = b.fire(f"fire{first + 1}", x, squeeze, expand)
        x = b.pool(f"pool{first + 1}", x)
    for index, squeeze, expand in ((6, 48, 192), (7, 48, 192), (8, 64, 256), (9, 64, 256)):
        x = b.fire(f"fire{index}", x, squeeze, expand)
    return b.finish("squeezenet1_1", b.conv("conv10", x, 1000, 1))


def cifar(bits: int = 6) -> QuantizedNetwork:
    """A small SqueezeNet with simple bypasses at 32 x 32."""
    b = Builder(32, bits)
    x = b.conv("conv1", INPUT, 48, 3, pad=1)
    for first, squeeze, expand in ((2, 16, 32), (4, 32, 64), (6, 48, 96)):
        x = b.fire(f"fire{first}", x, squeeze, expand)
        x = b.fire(f"fire{first + 1}", x, squeeze, expand, bypass=True)
        x = b.pool(f"pool{first + 1}", x) if first < 6 else x
    return b.finish("cifar", b.conv("conv10", x, 10, 1))
