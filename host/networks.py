"""Files of quantised networks, as a host reads them."""

from __future__ import annotations

from pathlib import Path

from gen.common.errors import FirebrickError
from gen.formats import fbz
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network


def read_network(path: Path) -> QuantizedNetwork:
    """A network file, compressed or not, by its name.

    Raises
    ------
    FirebrickError
        If it cannot be read, or is of another kind.
    """
    suffix = path.suffix.lower()
    if suffix == fbz.SUFFIX:
        return fbz.load_fbz(path)
    if suffix == ".npz":
        return load_network(path)
    raise FirebrickError(
        f"{path}: is no .npz or {fbz.SUFFIX}; make one of it that fits the board with "
        "`python -m gen export --for BUILD_DIR`"
    )
