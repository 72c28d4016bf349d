"""The options of ``python -m gen``: what says which network is shared by its commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from boards import BOARDS
from gen.compile import Capacity, Request
from gen.formats.family import SMALLEST, Family
from gen.formats.input_size import parse_size
from gen.frames.pixel_options import PixelOptions
from gen.ir.widths import Widths

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
Frames = Annotated[
    str | None,
    typer.Option(
        metavar="raw|coded",
        help="What the host may send: raw frames, or coded ones too, which take some 43 % of the "
        "bytes of photographs, and the board some 820 LUTs. If not given, coded where the raw link "
        "would be slower than the accelerator, and there is room.",
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
Synth = Annotated[
    bool,
    typer.Option("--synth", help="Also synthesise with Yosys, and compare with the estimates."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON in the place of tables.")]
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
        help="With --bitstream, on an ECP5: from what placement starts. If not given, it starts "
        "from 1, and where the clock is nearly reached, again from 2 and 3.",
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


@dataclass(frozen=True)
class NetworkOptions:
    """Which network, as the command line has it; see :class:`gen.compile.Request`."""

    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Network: float or quantised (QDQ) ONNX, the Deep Compression authors' "
            "compressed_SqueezeNet.net, a network.npz, or a compressed .fbz. hf://OWNER/NAME, or "
            "hf://OWNER/NAME/FILE, is fetched from the Hugging Face hub, torchvision:NAME exported "
            "from an installed torchvision.",
        ),
    ] = None
    family: Annotated[
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
    ] = None
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights of --family, .npz: for each layer LAYER.weights, float (outputs, rows, "
            "columns, inputs), and LAYER.bias.",
        ),
    ] = None
    input_size: InputSize = None
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of photographs to quantise a float model with; no labels. A network that "
            "is quantised already stays as it is, and its activations are measured on some of "
            "them, for report.html.",
        ),
    ] = None
    weight_bits: Annotated[
        str | None,
        typer.Option(
            metavar="BITS",
            help="Bits a weight of a float model, 2 to 8; 8 if not given. Layers may have their "
            "own: 4,conv10=3,fire9*=5. Below 6, the first layer keeps 8 unless it is named. 3c "
            "means codes of 3 bits for levels of 5 that each layer learns, 3c4 for levels of 4.",
        ),
    ] = None
    memory_budget: Annotated[
        int | None,
        typer.Option(
            metavar="BITS",
            min=1,
            help="Bits for all weights of a float model together; each layer gets the width that "
            "loses least, but for layers named in --weight-bits.",
        ),
    ] = None
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Picks the images out of a large calibration folder, and draws the weights of "
            "--family.",
        ),
    ] = 0
    pixels: PixelOptions = field(default_factory=PixelOptions)
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Text file of class names, one a line.")
    ] = None

    @property
    def files(self) -> tuple[Path | None, ...]:
        """Files and folders that are read."""
        return self.model, self.calibrate, self.labels, self.weights

    def request(self, capacity: Capacity | None = None) -> Request:
        """What to load, for a board of some ``capacity`` if it is for one.

        Raises
        ------
        FirebrickError
            If the widths, the family or the size cannot be understood.
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
            family=None if self.family is None else Family.parse(self.family),
            weights=self.weights,
            input_size=None if self.input_size is None else parse_size(self.input_size),
        )
