"""What Vivado needs beside the core: its clock out of context, and a block design around a Zynq."""

from __future__ import annotations

from protocol.registers import CoreInfo

ZYNQ_BOARDS = {
    "pynq-z2": "tul.com.tw:pynq-z2:part0:1.0",
    "zybo-z7-20": "digilentinc.com:zybo-z7-20:part0:1.2",
}
"""Boards with the 7020 that the script knows, by their names; Vivado's names for them, which come
with the vendors' board files."""


def constraints(clock_hz: int) -> str:
    """The core's clock, for synthesis by itself; in a design, the one that drives it counts."""
    return f"create_clock -name aclk -period {1e9 / clock_hz:.3f} [get_ports aclk]\n"


def lattice_constraints(clock_hz: int) -> str:
    """The same for an ECP5."""
    return f'FREQUENCY PORT "aclk" {clock_hz / 1e6:g} MHZ;\n'


_SCRIPT = """\
# A Zynq's processing system, an AXI DMA and the core, as a Vivado project:
#   vivado -mode batch -source vivado_zynq.tcl [-tclargs BOARD]
# BOARD is one of {boards}; {first} if none is given. Its board files must be installed, since
# they set up memory and pins of the processing system. It was written by firebrick for those who
# have Vivado, and has not been run by firebrick's tests, which have none.
#
# Memory: a frame is {frame_bytes} bytes ({beats} beats) that the DMA reads (MM2S); it sets TLAST
# behind them. The answer, {classes} sums of 32 bits, is written by S2MM: {answer_bytes} bytes.
# m_axis_top1 stays open: the register TOP1 tells the class, and irq when there is one.
set here [file normalize [file dirname [info script]]]
array set board_parts {{{parts}}}
set board [expr {{$argc > 0 ? [lindex $argv 0] : "{first}"}}]
if {{![info exists board_parts($board)]}} {{
    error "unknown board $board; known are [lsort [array names board_parts]]"
}}
create_project -force firebrick $here/vivado_$board -part {part}
set_property board_part $board_parts($board) [current_project]
set_property ip_repo_paths $here [current_project]
update_ip_catalog

create_bd_design system
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 ps]
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 \\
    -config {{make_external "FIXED_IO, DDR" apply_board_preset "1"}} $ps
set_property -dict [list CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ {mhz} \\
    CONFIG.PCW_USE_S_AXI_HP0 1 CONFIG.PCW_USE_FABRIC_INTERRUPT 1 CONFIG.PCW_IRQ_F2P_INTR 1] $ps

set dma [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma dma]
set_property -dict [list CONFIG.c_include_sg 0 CONFIG.c_sg_include_stscntrl_strm 0 \\
    CONFIG.c_m_axis_mm2s_tdata_width {beat_bits} CONFIG.c_include_mm2s_dre {dre} \\
    CONFIG.c_sg_length_width 23] $dma
set core [create_bd_cell -type ip -vlnv firebrick:ip:firebrick_core core]

connect_bd_intf_net [get_bd_intf_pins dma/M_AXIS_MM2S] [get_bd_intf_pins core/s_axis]
connect_bd_intf_net [get_bd_intf_pins core/m_axis] [get_bd_intf_pins dma/S_AXIS_S2MM]
foreach slave {{core/s_axi dma/S_AXI_LITE}} {{
    apply_bd_automation -rule xilinx.com:bd_rule:axi4 \\
        -config {{Master "/ps/M_AXI_GP0" Clk "/ps/FCLK_CLK0"}} [get_bd_intf_pins $slave]
}}
foreach master {{/dma/M_AXI_MM2S /dma/M_AXI_S2MM}} {{
    apply_bd_automation -rule xilinx.com:bd_rule:axi4 \\
        -config [list Master $master Slave /ps/S_AXI_HP0 Clk /ps/FCLK_CLK0] \\
        [get_bd_intf_pins ps/S_AXI_HP0]
}}
set irqs [create_bd_cell -type ip -vlnv xilinx.com:ip:xlconcat irqs]
set_property CONFIG.NUM_PORTS 3 $irqs
connect_bd_net [get_bd_pins core/irq] [get_bd_pins irqs/In0]
connect_bd_net [get_bd_pins dma/mm2s_introut] [get_bd_pins irqs/In1]
connect_bd_net [get_bd_pins dma/s2mm_introut] [get_bd_pins irqs/In2]
connect_bd_net [get_bd_pins irqs/dout] [get_bd_pins ps/IRQ_F2P]
assign_bd_address
validate_bd_design
save_bd_design

make_wrapper -files [get_files system.bd] -top -import
set_property top system_wrapper [current_fileset]
launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
"""


def suits(info: CoreInfo, part: str) -> bool:
    """Whether there is a script: for the 7020 that is on those boards, in the package that is.

    An AXI DMA has no stream of 24 bits.
    """
    return part.startswith("xc7z020clg400") and info.beat_bits in (8, 32)


def zynq_script(info: CoreInfo, part: str) -> str:
    """A script that builds a block design around the core.

    Parameters
    ----------
    info : CoreInfo
    part : str
        Full name of the Zynq.
    """
    return _SCRIPT.format(
        boards=" or ".join(ZYNQ_BOARDS),
        first=next(iter(ZYNQ_BOARDS)),
        parts=" ".join(f"{name} {long}" for name, long in ZYNQ_BOARDS.items()),
        frame_bytes=info.frame_bytes,
        beats=info.frame_beats,
        classes=info.classes,
        answer_bytes=4 * info.classes,
        part=part,
        mhz=f"{info.clock_hz / 1e6:g}",
        beat_bits=info.beat_bits,
        dre=int(info.beat_bits == 32),
    )
