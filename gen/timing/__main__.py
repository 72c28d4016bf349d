"""``python -m gen.timing NETLIST.json``: the clock that a netlist of Yosys' is good for."""

from __future__ import annotations
import re
import sys
from gen.timing.estimate import estimate
from gen.timing.netlist import read_netlist


def main() -> None:
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    netlist = read_netlist(args, "top")
    family = "ecp5" if any(c.kind == "TRELLIS_FF" for c in netlist.cells) else "xc7"
    inside = re.compile(r"\.accelerator\.(\w+)")
    found = estimate(netlist, family, lambda module, net: (inside.search(net) or ["", "board"])[1])
    print(
        f"{len(netlist.cells)} cells, {family}; worst {found.ns:.2f} ns; routed about {found.mhz:.1f} MHz"
    )
    print(
        f"{found.flip_flops} flip-flops, {found.reset} with a reset ({found.reset / max(found.flip_flops, 1):.1%})"
    )
    print("worst path by layer of its end:")
    for name, p in found.layers.items():
        print(
            f"  {name:28} {p.ns:6.2f} ns, wires {p.wire_ns:5.2f}, {p.levels:2} levels, {p.carry_bits:2} carry bits, widest {p.widest:5}: {p.start} -> {p.end} {p.port}"
        )
    print("worst paths:")
    for p in found.paths:
        print(f"  {p.ns:.2f} ns {p.start} -> {p.end}")
        for h in p.hops:
            print(
                f"     {h.cell:10} {h.cell_ns:5.2f}  wire {h.wire_ns:5.2f}  loads {h.fan_out:5}  {h.net}"
            )
        print(f"     {p.port} setup {p.setup:.2f}")
    print("largest fan-outs:")
    for f in found.fan_outs:
        print(
            f"  {f.loads:6} {f.net}  ({', '.join(f'{k} {v}' for k, v in list(f.pins.items())[:4])})"
        )


if __name__ == "__main__":
    main()
