"""Clock domains that differ in their reset only."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal, ValueLike


def add_domain(m: Module, name: str, reset: ValueLike, *, set_by: str = "sync") -> None:
    """Add a domain of the module's own clock, whose reset is ``reset`` a cycle ago.

    It is reset as well where the domain ``set_by`` is, and a cycle longer. The register stays its
    own, even if others do the same, so that each drives its domain only.

    Parameters
    ----------
    m : Module
    name : str
    reset : value-like
        One bit, in the module's own domain.
    set_by : str
        A domain of the same clock.
    """
    late = Signal(init=1, name=f"{name}_reset", attrs={"keep": "true"})
    m.domains += ClockDomain(name, local=True)
    m.d.comb += [ClockSignal(name).eq(ClockSignal()), ResetSignal(name).eq(late)]
    m.d[set_by] += late.eq(reset)
