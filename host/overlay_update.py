"""Updates of the core in an overlay, as :mod:`host.update` does those of a board."""

from __future__ import annotations

from gen.common.closing import Closing
from gen.common.progress import SILENT, Progress
from host.core_update import plan_core
from host.new_contents import NewContents
from host.pynq_overlay import PynqOverlay
from host.update import Outcome


class OverlayUpdater(Closing):
    """An update of an overlay, as :class:`host.update.Updater` is one of a board.

    Parameters
    ----------
    overlay : PynqOverlay
        Closed together with this.
    contents : NewContents
    key : bytes or None
        The core's.
    """

    def __init__(self, overlay: PynqOverlay, contents: NewContents, key: bytes | None):
        self._overlay, self._contents, self._key = overlay, contents, key

    def close(self) -> None:
        """Close the overlay."""
        self._overlay.close()

    @property
    def amid(self) -> bool:
        """Whether an update has begun and is not complete."""
        return self._overlay.info().updating

    @property
    def advice(self) -> str:
        """What to do if the update ends while it is :attr:`amid`."""
        return plan_core(self._contents).advice

    def run(self, progress: Progress = SILENT) -> Outcome:
        """Update the core, if it does not hold the network.

        Raises
        ------
        FirebrickError
            As :meth:`host.pynq_overlay.PynqOverlay.update` does.
        """
        return self._overlay.update(self._contents, self._key, progress)
