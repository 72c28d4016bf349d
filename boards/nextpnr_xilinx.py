"""How open tools make the bitstream of a 7-series board: their script and constraints.

nextpnr-xilinx takes a clock's constraint for the one net that it is on, and a pad's is not on the
net behind its buffers. So the nets that drive the domains get constraints of their own.
"""

from collections.abc import Iterable, Mapping

from boards.sources import TIMING_NOT_MET, place_and_route

_FAMILIES = {"xc7a": "artix7", "xc7k": "kintex7", "xc7z": "zynq7"}

_SCRIPT = """\
#!/bin/sh
# EXPERIMENTAL: bitstream with Yosys, nextpnr-xilinx (of openXC7) and Project X-Ray:
#   sh build_open.sh CHIPDB PRJXRAY_DB [SEED...]
# CHIPDB is nextpnr-xilinx's chip database for {part} (a .bin file),
# PRJXRAY_DB the folder with the Project X-Ray databases. SEEDs are numbers from which placement
# starts, one after another until timing is met; 1 if none is given. Result: top.bit.
# Exit status {status}, and no bitstream: a clock is too slow; which, and by how much, is shown.
#
# No board has run a bitstream of this script. Of nextpnr-xilinx you need, by its pull requests:
#   159: or else constant pins of a DSP48E1 (INMODE, ALUMODE, OPMODE) get no tile constants, and
#        its products are wrong though timing is clean; as of September 2026 not merged.
#   90:  or else routing stops at CARRYCASCIN of a DSP48E1.
#   156: or else clocks with braces around a port's name go unconstrained, which is why those
#        that count are on nets, in nextpnr.xdc.
# As it is published, it packs carry chains into one slice of two and places at most 120 DSP48E1:
# for larger designs than that, plan with --fps, or take Vivado.
set -eu
if [ "$#" -lt 2 ]; then
    sed -n '2,7s/^# //p' "$0" >&2
    exit 2
fi
chipdb=$1
database=$2/{family}
shift 2
rm -f top.bit

yosys -l yosys.log -p '
    {netlist}
'
{place_and_route}
fasm2frames --part {part} --db-root "$database" top.fasm > top.frames
xc7frames2bit --part_file "$database/{part}/part.yaml" --part_name {part} \\
    --frm_file top.frames --output_file top.bit
"""


def script(part: str, netlist: Iterable[str], clock_hz: float) -> str:
    """The script.

    Parameters
    ----------
    part : str
        Device, package and speed grade.
    netlist : iterable of str
        Yosys commands that make ``top.json``.
    clock_hz : float
        Of the accelerator's clock, and what clocks without a constraint are taken for.
    """
    command = (
        f'nextpnr-xilinx --chipdb "$chipdb" --xdc top.xdc --xdc nextpnr.xdc --json top.json \\\n'
        f"        --fasm top.fasm --freq {clock_hz / 1e6:g}"
    )
    return _SCRIPT.format(
        part=part,
        family=_FAMILIES[part[:4]],
        netlist="\n    ".join(netlist),
        place_and_route=place_and_route(command),
        status=TIMING_NOT_MET,
    )


def constraints(nets: Mapping[str, float]) -> str:
    """Constraints of clocks by the nets that drive them, in Hz."""
    # Older versions take braces around a name for a part of it.
    lines = [f"create_clock -period {1e9 / hz:g} [get_nets {net}]\n" for net, hz in nets.items()]
    return "".join(lines)
