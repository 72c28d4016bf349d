"""QONNX's operators as their specification has them, to run such files node by node.

https://github.com/fastmachinelearning/qonnx, ``docs/qonnx-custom-ops``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from gen.formats.qonnx import DOMAINS, ROUNDINGS


class Quant(OpRun):
    """Rounds real numbers to codes of so many bits, and gives real numbers again."""

    op_domain = DOMAINS[0]

    def _run(  # ONNX's evaluator calls it so
        self,
        x: np.ndarray,
        scale: np.ndarray,
        zero: np.ndarray,
        bits: np.ndarray,
        narrow: int = 0,
        rounding_mode: str = "ROUND",
        signed: int = 1,
    ) -> tuple[np.ndarray]:
        low = -(2 ** (bits - 1)) + narrow if signed else 0
        high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
        codes = ROUNDINGS[rounding_mode.upper()](np.clip(x / scale + zero, low, high))
        return (((codes - zero) * scale).astype(np.float32),)


class BipolarQuant(OpRun):
    """Leaves the signs of real numbers."""

    op_domain = DOMAINS[0]

    def _run(self, x: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray]:
        return ((np.where(x >= 0, 1, -1) * scale).astype(np.float32),)


def _in_all_domains(kind: type[OpRun]) -> list[type[OpRun]]:
    """An operator under each of the domains that writers have used."""
    return [type(kind.__name__, (kind,), {"op_domain": domain}) for domain in DOMAINS]


@dataclass(frozen=True)
class _Fed:
    """What a session says of an input."""

    name: str
    shape: list[int | str]


class QonnxSession:
    """Runs a model as an ONNX Runtime session does, with QONNX's operators.

    Parameters
    ----------
    model : onnx.ModelProto
    """

    def __init__(self, model: onnx.ModelProto):
        constants = {tensor.name for tensor in model.graph.initializer}
        self._fed = [value for value in model.graph.input if value.name not in constants]
        kinds = [*_in_all_domains(Quant), *_in_all_domains(BipolarQuant)]
        self._evaluator = ReferenceEvaluator(model, new_ops=kinds)

    def get_inputs(self) -> list[_Fed]:
        """The tensors that are fed."""
        return [
            _Fed(value.name, [d.dim_value or d.dim_param for d in value.type.tensor_type.shape.dim])
            for value in self._fed
        ]

    def run(self, outputs: list[str] | None, fed: Mapping[str, np.ndarray]) -> list[Any]:
        """What a model makes of its inputs.

        Parameters
        ----------
        outputs : list of str or None
            Names; all if None.
        fed : mapping of array
        """
        return list(self._evaluator.run(outputs, dict(fed)))


def is_qonnx(model: onnx.ModelProto) -> bool:
    """Whether a model has operators of QONNX."""
    return any(node.domain in DOMAINS for node in model.graph.node)
