"""What the HTTP API says, as it is described in ``/openapi.json``."""

from __future__ import annotations

from pydantic import BaseModel, Field

from host.serve.board import BoardState


class Guess(BaseModel):
    """A class, and how likely it is."""

    label: str = Field(description="Name of the class.", examples=["cat"])
    index: int = Field(description="Its number, from 0.", examples=[3])
    probability: float = Field(description="Softmax over all classes.", ge=0, le=1)


class Milliseconds(BaseModel):
    """Where the time of one picture went."""

    decode: float = Field(description="Reading the picture, resizing, cropping.")
    queue: float = Field(description="Waiting for the board, while others were served.")
    board: float = Field(
        description="From the driver and back: coding, sending, computing, answering."
    )
    accelerator: float = Field(
        description="Of that, from the first pixel to the last class sum, in clock cycles of the "
        "accelerator at its planned clock. A simulated board takes longer than it says here."
    )


class Classification(BaseModel):
    """What a picture shows."""

    top: list[Guess] = Field(description="The likeliest classes, likeliest first.")
    cycles: int = Field(description="Clock cycles from the first pixel to the last class sum.")
    milliseconds: Milliseconds = Field(description="Where its time went.")
    sums: list[int] | None = Field(
        default=None, description="All class sums as the board gave them, if asked for."
    )


class Description(BaseModel):
    """The network, the board, and what this server takes."""

    network: str = Field(description="Name of the network.")
    digest: str = Field(description="Of the network that the board holds, in hexadecimal.")
    labels: list[str] = Field(description="Names of the classes, in the order of class sums.")
    shape: tuple[int, int, int] = Field(description="Height, width and channels of a frame.")
    resize: int = Field(description="Pixels of a picture's shorter side before it is cropped.")
    board: str = Field(description="What board it is, or which it was generated for.")
    link: str = Field(description="How it is reached: a port, an address, or simulated.")
    simulated: bool = Field(description="Whether it is simulated on the server's machine.")
    clock_hz: int = Field(description="Of the accelerator.")
    coding: str = Field(description="How frames travel to the board.")
    planned_frames_per_second: float | None = Field(
        description="What board and link make together by plan; null if there is no plan."
    )
    formats: list[str] = Field(description="Picture formats that are taken.")
    upload_bytes: int = Field(description="Longest body that is taken.")
    picture_pixels: int = Field(description="Most pixels of a picture.")
    rate: float = Field(description="Pictures a second that one client may ask for, on average.")


class LatencyNow(BaseModel):
    """Medians of the last seconds, in milliseconds, as a classification has them."""

    queue: float = Field(description="Waiting for the board.")
    board: float = Field(description="From the driver and back.")
    accelerator: float = Field(description="Of that, in the accelerator, at its planned clock.")


class LayerNow(BaseModel):
    """A layer's output."""

    name: str = Field(description="Of the layer.")
    stalled: float = Field(
        description="Part of the time in which it waited for the next layer.", ge=0, le=1
    )


class Stats(BaseModel):
    """How board and server do; the page gets the same over the WebSocket ``/live``."""

    ready: bool = Field(description="Whether there is a board.")
    reason: str | None = Field(description="Why there is none; null if there is.")
    seconds: float = Field(description="For how long that has been so.")
    met: int = Field(description="Times that the board was met: more than one if it went away.")
    answered: int = Field(description="Pictures answered since the server started.")
    waiting: int = Field(description="Pictures in the queue.")
    in_flight: int = Field(description="Pictures sent to the board and not yet answered.")
    clients: int = Field(description="Clients whose pictures wait.")
    watchers: int = Field(description="Pages that are kept up to date.")
    frames_per_second: float = Field(description="Of the last seconds.")
    latency: LatencyNow | None = Field(description="Null if nothing was answered of late.")
    faults: dict[str, int] = Field(
        description="What the link lost or damaged; all of it was sent again."
    )
    layers: list[LayerNow] = Field(description="Empty if the board does not count stalls.")

    @staticmethod
    def of(state: BoardState, names: list[str], clock_hz: int, watchers: int) -> Stats:
        """Put a board's state into words.

        Parameters
        ----------
        state : BoardState
        names : list of str
            Of the layers.
        clock_hz : int
            Of the accelerator.
        watchers : int
        """
        latency = state.latency
        return Stats(
            ready=state.away is None,
            reason=state.away,
            seconds=round(state.since, 1),
            met=state.met,
            answered=state.answered,
            waiting=state.waiting,
            in_flight=state.in_flight,
            clients=state.clients,
            watchers=watchers,
            frames_per_second=round(state.frames_per_second, 1),
            latency=None
            if latency is None
            else LatencyNow(
                queue=_ms(latency.queued),
                board=_ms(latency.on_board),
                accelerator=_ms(latency.cycles / clock_hz),
            ),
            faults=state.faults,
            layers=[
                LayerNow(name=name, stalled=round(part, 4))
                for name, part in zip(names, state.stalled, strict=bool(state.stalled))
            ],
        )


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="In a sentence, with what to do.")


class Login(BaseModel):
    """What a browser shows to be let in."""

    token: str = Field(max_length=1000)


def _ms(seconds: float) -> float:
    return round(1e3 * seconds, 3)
