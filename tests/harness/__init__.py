"""The one test harness for everything that speaks streams: see :class:`StreamBench`.

A component that stands alone has a :class:`StreamBench`; those of many cases share simulators, see
:func:`bench_group`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.harness.groups import bench_group
    from tests.harness.stream_bench import Monitor, Result, StreamBench

__all__ = ["Monitor", "Result", "StreamBench", "bench_group"]


def __getattr__(name: str) -> object:
    """Import late: the simulator loads this package too, and needs none of these."""
    if name not in __all__:
        raise AttributeError(name)
    module = "groups" if name == "bench_group" else "stream_bench"
    return getattr(import_module(f"tests.harness.{module}"), name)
