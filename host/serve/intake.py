"""From the body of a request to a frame."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gen.common.errors import FirebrickError
from gen.frames.images import read_frame
from gen.ir.preprocessing import Preprocessing
from host.serve.limits import FORMATS, Limits

RAW = "application/octet-stream"
_READERS = 2
"""Pictures that are decoded at the same time: each may take some hundred megabytes."""


class Intake:
    """Takes pictures in, within limits.

    Parameters
    ----------
    shape : tuple of int
        Of a frame.
    preprocessing : Preprocessing
    limits : Limits
    """

    def __init__(self, shape: tuple[int, int, int], preprocessing: Preprocessing, limits: Limits):
        self._shape, self._preprocessing, self._limits = shape, preprocessing, limits
        self._uploads = asyncio.Semaphore(limits.uploads)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="picture")

    def close(self) -> None:
        """End the threads that decode."""
        self._readers.shutdown()

    async def frame(self, request: Request) -> np.ndarray:
        """The frame that a request brings.

        Raises
        ------
        HTTPException
            If it brings none, or too much.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != RAW and not kind.startswith("image/"):
            raise HTTPException(415, f"send a picture as image/*, or raw pixels as {RAW}")
        async with self._uploads:
            data = await self._body(request)
            if kind == RAW:
                return self._raw(data)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._readers, self._read, data)

    def _raw(self, data: bytes) -> np.ndarray:
        height, width, channels = self._shape
        if len(data) != height * width * channels:
            raise HTTPException(
                422,
                f"raw pixels are {height * width * channels} bytes, {height} rows of {width} "
                f"pixels of {channels} channels, not {len(data)}",
            )
        return np.frombuffer(data, np.uint8).reshape(self._shape)

    def _read(self, data: bytes) -> np.ndarray:
        try:
            return read_frame(data, self._preprocessing, self._limits.accepted)
        except FirebrickError as error:
            known = ", ".join(FORMATS)
            raise HTTPException(422, f"{error} (taken are {known})") from None

    async def _body(self, request: Request) -> bytes:
        """All of it, as long as that is not too much and does not take too long."""
        most, data = self._limits.body, bytearray()
        told = request.headers.get("content-length", "")
        if told.isdigit() and int(told) > most:
            raise HTTPException(413, f"a picture is at most {most} bytes, not {told}")
        try:
            async with asyncio.timeout(self._limits.patience):
                async for part in request.stream():
                    data += part
                    if len(data) > most:
                        raise HTTPException(413, f"a picture is at most {most} bytes")
        except TimeoutError:
            raise HTTPException(408, "the picture took too long to come") from None
        return bytes(data)
