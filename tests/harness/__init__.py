"""The one test harness for everything that speaks streams: see :class:`StreamBench`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.harness.stream_bench import Monitor, Result, StreamBench

__all__ = ["Monitor", "Result", "StreamBench"]


def __getattr__(name: str) -> object:
    """Import late: the simulator loads this package too, and needs none of these."""
    if name not in __all__:
        raise AttributeError(name)
    from tests.harness import stream_bench

    return getattr(stream_bench, name)
