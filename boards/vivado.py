"""How Vivado makes the bitstream of a 7-series board: the script that it runs."""

from collections.abc import Iterable, Mapping

from boards.sources import TIMING_NOT_MET

_FREE = "any edition of Vivado, the free ML Standard too"
_PAID = "Vivado ML Enterprise, which is not free"
EDITIONS = {
    "xc7a35t": _FREE,
    "xc7a100t": _FREE,
    "xc7a200t": _FREE,
    "xc7z020": _FREE,
    "xc7k325t": _PAID,
}
"""By device; of the Kintex-7, ML Standard has the XC7K70T and XC7K160T only (UG973)."""

_SCRIPT = """\
# Bitstream with Vivado: vivado -mode batch -source build_vivado.tcl
# The {device} needs {edition}.
# Result: top.bit and top.bin, reports in *.rpt. Exit status {status}, and no bitstream: timing is
# not met.
file delete -force top.bit top.bin
set_part {part}
read_verilog {{{verilog}}}
read_xdc top.xdc
synth_design -top top -part {part}

# Paths into synchronisers from outside the clock domain.
foreach cell [get_cells -quiet -hier -filter {{amaranth.vivado.false_path == "TRUE"}}] {{
    set_false_path -to $cell
}}
foreach pin [get_pins -quiet -of \\
        [get_cells -quiet -hier -filter {{amaranth.vivado.false_path_pre == "TRUE"}}] \\
        -filter {{REF_PIN_NAME == PRE}}] {{
    set_false_path -to $pin
}}
report_utilization -hierarchical -file utilization_synth.rpt

opt_design
place_design
phys_opt_design
route_design
phys_opt_design

report_utilization -file utilization.rpt
report_utilization -hierarchical -file utilization_layers.rpt
report_timing_summary -max_paths 10 -file timing.rpt
report_drc -file drc.rpt
report_power -file power.rpt
write_checkpoint -force top.dcp

set setup [get_property SLACK [get_timing_paths -delay_type max]]
set hold [get_property SLACK [get_timing_paths -delay_type min]]
if {{$setup < 0 || $hold < 0}} {{
    puts "ERROR: timing is not met: the least slack is $setup ns (setup), $hold ns (hold).\\
        timing.rpt says of which clock. Setup of the accelerator's: try a lower --clock. Inputs of\\
        Ethernet: other rx_delay_taps of the board, in boards/. The routed design is in top.dcp."
    exit {status}
}}
set_property CFGBVS VCCO [current_design]
set_property CONFIG_VOLTAGE {volts:g} [current_design]
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
{settings}write_bitstream -force -bin_file top.bit
"""


def script(
    part: str,
    device: str,
    verilog: Iterable[str],
    settings: Mapping[str, object],
    volts: float,
) -> str:
    """The script.

    Parameters
    ----------
    part : str
        Device, package and speed grade.
    device : str
    verilog : iterable of str
        Files of the design.
    settings : dict
        Properties of the bitstream that are the board's, by what follows ``BITSTREAM.``.
    volts : float
        That the pins for configuration are supplied with.
    """
    lines = (f"set_property BITSTREAM.{k} {v} [current_design]\n" for k, v in settings.items())
    return _SCRIPT.format(
        part=part,
        device=device.upper(),
        edition=EDITIONS[device],
        verilog=" ".join(verilog),
        settings="".join(lines),
        status=TIMING_NOT_MET,
        volts=volts,
    )
