"""Network files, ``.npz``: a zip of one JSON header and NumPy arrays."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.ir.activations import Activations
from gen.ir.check import check
from gen.ir.network import FORMAT_VERSION, QuantizedNetwork, flatten, unflatten

HEADER, ACTIVATIONS = "network.json", "activations.json"
"""Entries besides arrays; the latter is there if activations were measured."""


def save_network(network: QuantizedNetwork, path: str | Path) -> None:
    """Write a network file, complete or not at all; equal networks give equal files.

    Raises
    ------
    FirebrickError
        If two of its layers cannot be told apart in a file.
    OSError
        If the file cannot be written.
    """
    header, arrays = flatten(network)
    with replacing(Path(path)) as file, zipfile.ZipFile(file, "w") as archive:
        _write_entry(archive, HEADER, json.dumps(header, indent=1).encode())
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            _write_entry(archive, key + ".npy", buffer.getvalue())
        if network.activations is not None:
            measured = json.dumps(network.activations.to_entry(), separators=(",", ":"))
            _write_entry(archive, ACTIVATIONS, measured.encode())


def load_network(path: str | Path) -> QuantizedNetwork:
    """Read a network file.

    Raises
    ------
    FirebrickError
        If the file is missing, is no network file, or its parts do not fit together.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read(HEADER))
            if header.get("format") not in range(1, FORMAT_VERSION + 1):
                raise FirebrickError(
                    f"{path}: network file format {header.get('format')!r}, but this version "
                    f"reads formats up to {FORMAT_VERSION}; generate the file again"
                )
            arrays = {
                entry[:-4]: np.load(io.BytesIO(archive.read(entry)), allow_pickle=False)
                for entry in archive.namelist()
                if entry.endswith(".npy")
            }
            measured = _activations(archive)
        network = replace(unflatten(header, arrays), activations=measured)
        _check_file(network, path)
    except FileNotFoundError:
        raise FirebrickError(f"{path}: no such network file; check the path") from None
    except FirebrickError:
        raise
    except Exception as error:  # a damaged file can fail in any of the readers
        raise FirebrickError(
            f"{path}: not a firebrick network file ({_reason(error)}); generate it again"
        ) from None
    return network


def _activations(archive: zipfile.ZipFile) -> Activations | None:
    """What was measured of activations, if that is in a file."""
    if ACTIVATIONS not in archive.namelist():
        return None
    return Activations.of(json.loads(archive.read(ACTIVATIONS)))


def _check_file(network: QuantizedNetwork, path: str | Path) -> None:
    """Check a network that came from a file; an error names it."""
    try:
        check(network)
    except FirebrickError as error:
        raise FirebrickError(f"{path}: {error}") from None


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _write_entry(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add an entry with a fixed date, so that equal networks make equal files."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
