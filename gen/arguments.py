"""The options of ``python -m gen``: what says which network is shared by its commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from boards import BOARDS
from gen.built import updatable_network
from gen.common.build_folder import BuildFolder
from gen.compile import Capacity, Request
from gen.formats.family import SMALLEST, Family
from gen.formats.input_size import parse_size
from gen.frames.pixel_options import PixelOptions
from gen.ir.widths import Widths
from gen.link_options import ADDRESS
from protocol.packets import UDP_PORT

_GIGABIT = [b.name for b in BOARDS.values() if b.phy is not None and b.phy.kind == "rgmii"]

BoardName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Board to generate for; the list is above.",
        autocompletion=lambda incomplete: [name for name in BOARDS if name.startswith(incomplete)],
    ),
]
Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Output folder; build/BOARD if not given.")
]
Clock = Annotated[
    str | None,
    typer.Option(
        metavar="MHZ|auto",
        help="Clock; the board's if not given. auto takes the fastest that the estimate from the "
        "netlist supports, and with --bitstream one that routing confirms, which takes as long as "
        "two or three bitstreams.",
    ),
]
Baud = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=9600,
        help="Bits a second of the serial line, as fast as the board's USB bridge can: up to "
        "12000000 on Arty A7 and ECPIX-5, 3000000 on others. If not given, what that bridge is "
        "known to keep, 6000000 and 3000000, or less with a slow clock.",
    ),
]
Link = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What the host reaches it by: uart or ethernet. On Ethernet "
        f"{' and '.join(_GIGABIT)} answer on links of 1 Gb/s only, not on 100 Mb/s.",
    ),
]
Frames = Annotated[
    str | None,
    typer.Option(
        metavar="raw|coded",
        help="What the host may send: raw frames, or coded ones too, which take some 43 % of the "
        "bytes of photographs, and the board some 820 LUTs. If not given, coded where the raw link "
        "would be slower than the accelerator, and there is room.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help=f"Its IPv4 address on Ethernet; {ADDRESS} if not given."),
]
Mac = Annotated[
    str | None,
    typer.Option(metavar="BYTES", help="Its MAC address; made from --ip if not given."),
]
UdpPort = Annotated[
    int | None,
    typer.Option(metavar="N", help=f"Its UDP port; {UDP_PORT} if not given."),
]
Updatable = Annotated[
    bool,
    typer.Option(
        "--updatable",
        help="Weights can be replaced over the link while the board runs (`python -m host "
        "update`). Takes more room: memories that can be written, and widths for other weights.",
    ),
]
Margin = Annotated[
    int | None,
    typer.Option(
        metavar="BITS",
        min=0,
        help="With --updatable: bits that sums may grow by with other weights. Room for any "
        "weights of these widths if not given.",
    ),
]
UpdateKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="With --updatable: 32 random bytes. Only who has them can change the weights; the "
        "netlist and the bitstream hold what is made of them.",
    ),
]
UpdateOpen = Annotated[
    bool,
    typer.Option(
        "--update-open",
        help="With --updatable, in place of a key: anyone who reaches the link may change the "
        "weights.",
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        help="Frames a second that will do: plans the smallest design that reaches them, or as "
        "many as the link carries. The fastest that fits, if not given.",
    ),
]
PastLink = Annotated[
    bool,
    typer.Option("--past-link", help="With --fps: as many even if the link carries fewer."),
]
Utilisation = Annotated[
    float,
    typer.Option(metavar="PART", help="Part of the device's LUTs that may be planned with."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON in the place of tables.")]
Synth = Annotated[
    bool,
    typer.Option("--synth", help="Also synthesise with Yosys, and compare with the estimates."),
]
Bitstream = Annotated[
    bool,
    typer.Option(
        "--bitstream",
        help="Also make the bitstream: for an ECP5 with nextpnr, which came with firebrick (a "
        "quarter of an hour and more), for a 7-series FPGA with Vivado, where it is on PATH.",
    ),
]
RouteSeed = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="With --bitstream, on an ECP5: from what placement starts; 1 if not given. Another "
        "one may reach a clock that this one misses.",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Network: float or quantised (QDQ) ONNX, the Deep Compression authors' "
        "compressed_SqueezeNet.net, a network.npz, or a compressed .fbz. hf://OWNER/NAME, or "
        "hf://OWNER/NAME/FILE, is fetched from the Hugging Face hub, torchvision:NAME exported "
        "from an installed torchvision.",
    ),
]
FamilyMember = Annotated[
    str | None,
    typer.Option(
        "--family",
        metavar="KEY=VALUE,...",
        help="In place of --model, a member of the SqueezeNet paper's family: base_e, incr_e, "
        "freq, pct_3x3 and sr as in its section 5, bypass=simple or complex as in section 6, "
        f"size of the input, {SMALLEST} or more, and classes. Those not given "
        "have the paper's values: sr=0.125 is SqueezeNet v1.0. It has random weights, "
        "unless --weights gives some.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Weights of --family, .npz: for each layer LAYER.weights, float (outputs, rows, "
        "columns, inputs), and LAYER.bias.",
    ),
]
Calibrate = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of photographs to quantise a float model with; no labels. A network that is "
        "quantised already stays as it is, and its activations are measured on some of them, for "
        "report.html.",
    ),
]
WeightBits = Annotated[
    str | None,
    typer.Option(
        metavar="BITS",
        help="Bits a weight of a float model, 2 to 8; 8 if not given. Layers may have their "
        "own: 4,conv10=3,fire9*=5. Below 6, the first layer keeps 8 unless it is named. 3c means "
        "codes of 3 bits for levels of 5 that each layer learns, 3c4 for levels of 4.",
    ),
]
MemoryBudget = Annotated[
    int | None,
    typer.Option(
        metavar="BITS",
        min=1,
        help="Bits for all weights of a float model together; each layer gets the width that "
        "loses least, but for layers named in --weight-bits.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="Picks the images out of a large calibration folder, and draws the weights of "
        "--family.",
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option(
        metavar="H,W",
        help="Height and width of the network's input, for a model that leaves them open, or of "
        "--family.",
    ),
]
Labels = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Text file of class names, one a line.")
]


@dataclass(frozen=True)
class NetworkOptions:
    """Which network, as the command line has it; see :class:`gen.compile.Request`."""

    model: Path | None = None
    calibrate: Path | None = None
    weight_bits: str | None = None
    memory_budget: int | None = None
    seed: int = 0
    pixels: PixelOptions = field(default_factory=PixelOptions)
    labels: Path | None = None
    size: int | None = None
    prune: float = 0.0
    family: str | None = None
    weights: Path | None = None
    input_size: str | None = None
    build: Path | None = None

    @property
    def files(self) -> tuple[Path | None, ...]:
        """Files and folders that are read."""
        built = None if self.build is None else BuildFolder(self.build).network
        return self.model, self.calibrate, self.labels, self.weights, built

    def request(self, capacity: Capacity | None = None) -> Request:
        """What to load, for a board of some ``capacity`` if it is for one.

        Raises
        ------
        FirebrickError
            If the widths, the family or the size cannot be understood, or the build does not take
            other networks.
        """
        return Request(
            model=self.model,
            calibrate=self.calibrate,
            weight_bits=None if self.weight_bits is None else Widths.parse(self.weight_bits),
            memory_budget=self.memory_budget,
            capacity=capacity,
            seed=self.seed,
            pixels=self.pixels,
            labels=self.labels,
            file_size=self.size,
            pruned=self.prune,
            family=None if self.family is None else Family.parse(self.family),
            weights=self.weights,
            input_size=None if self.input_size is None else parse_size(self.input_size),
            like=None if self.build is None else updatable_network(self.build),
        )
