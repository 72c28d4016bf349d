"""What a board that may get other weights is built for."""

from __future__ import annotations

from pathlib import Path

from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network


def updatable_network(path: Path) -> QuantizedNetwork:
    """The network of a build folder whose board may get other weights.

    Parameters
    ----------
    path : Path
        Of the folder.

    Raises
    ------
    FirebrickError
        If it is no build folder, or its board keeps the weights that it has.
    """
    folder = BuildFolder(path)
    folder.require(folder.network)
    network = load_network(folder.network)
    if not network.updatable:
        raise FirebrickError(
            f"{folder}: its board keeps the weights that it is built with; to have others, "
            "generate it again with these"
        )
    return network
