"""A core of ``python -m gen core`` on a Zynq that runs PYNQ, with the driver's methods.

:mod:`host.pynq_loading` says what that needs of PYNQ.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gen.ir.network import QuantizedNetwork
from host.dma_exchange import DmaExchange
from host.driver import FrameDriver
from host.pynq_loading import CORE, DMA, load

if TYPE_CHECKING:  # packages that frames do without
    from gen.common.progress import Progress
    from host.new_contents import NewContents
    from host.update import Outcome


class PynqOverlay(FrameDriver):
    """An overlay that classifies frames: what a driver is for a board.

    Frames do not travel in packets but are written where the DMA reads them. A result's ``cycles``
    are those of the core's clock that passed, by the processor's clock, from when its frame was
    begun to be sent until its answer was seen: more than what the core took.

    Parameters
    ----------
    bitfile : Path or str
        The overlay's bitstream, with a ``.hwh`` of the same name beside it. It is loaded, unless
        the FPGA holds it.
    network : QuantizedNetwork, optional
        What the core should hold; refused if it holds another, or is amid an update.
    timeout : float
        Seconds without any progress after which the core is given up.
    core, dma : str
        Names of the instances in the block design.
    reload : bool
        Load the bitstream even if the FPGA holds it; what the core was updated with is lost.

    Raises
    ------
    FirebrickError
        If there is no PYNQ, it cannot load the overlay, or that is not the right one.
    """

    in_packets = False

    def __init__(
        self,
        bitfile: Path | str,
        network: QuantizedNetwork | None = None,
        *,
        timeout: float = 5.0,
        core: str = CORE,
        dma: str = DMA,
        reload: bool = False,
    ):
        hardware = load(Path(bitfile), core, dma, reload=reload)
        self._core = DmaExchange(hardware, network, timeout)
        super().__init__(self._core)

    def top_class(self) -> int | None:
        """The class with the largest sum of the last frame that was answered, as the core says.

        Returns
        -------
        int or None
            None if no frame was answered since the last reset.
        """
        return self._core.top_class()

    def update(
        self, contents: NewContents, key: bytes | None = None, progress: Progress | None = None
    ) -> Outcome:
        """Give the core another network's weights, if it does not hold them.

        Frames that were sent before are answered by the network that the core held. If this fails
        amid the update, the core takes no frame until another one is complete. This needs the
        command line's packages.

        Parameters
        ----------
        contents : NewContents
            The network, and the folder that ``python -m gen core --updatable`` wrote.
        key : bytes, optional
            The core's, if it has one.
        progress : Progress, optional
            Told bytes.

        Returns
        -------
        Outcome
            As for a board.

        Raises
        ------
        FirebrickError
            If the core cannot be updated, is not the right one, has another key, or does not go on.
        """
        from host.dma_update import update_between_frames

        try:
            return update_between_frames(self._core, contents, key, progress)
        finally:
            self._collect()
