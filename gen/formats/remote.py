"""Networks that are not files yet: on the Hugging Face hub, or in torchvision.

``hf://OWNER/NAME[@REVISION][/FILE]`` is downloaded once, and kept where ``huggingface_hub`` keeps
files; ``torchvision:NAME`` is exported to ONNX.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from gen.common.errors import FirebrickError, require_package
from gen.formats.deep_compression import SUFFIX as DEEP_COMPRESSION
from gen.formats.fbz import SUFFIX as FBZ

HUB, TORCHVISION = "hf:", "torchvision:"
KINDS = (".onnx", ".npz", FBZ, DEEP_COMPRESSION)
SHA256_DIGITS = 64
OPSET = 17
"""Version in which torchvision's networks are exported."""
SIDE = 224
"""Their input, if their weights do not say another."""


@dataclass(frozen=True)
class Fetched:
    """A file that was got for a model.

    Attributes
    ----------
    path : Path
    about : str
        Where it is from, with its checksum, for the network's notes and the manifest.
    """

    path: Path
    about: str


def is_remote(model: Path) -> bool:
    """Whether a model's name is none of a file."""
    return str(model).startswith((HUB, TORCHVISION))


@contextmanager
def fetched(model: Path) -> Iterator[Fetched]:
    """The file of a remote model, while it is read.

    Raises
    ------
    FirebrickError
        If it cannot be had.
    """
    if str(model).startswith(HUB):
        yield _Hub.of(str(model)).fetch()
        return
    with tempfile.TemporaryDirectory(prefix="firebrick-") as folder:
        path = _exported(str(model).removeprefix(TORCHVISION), Path(folder))
        yield Fetched(path, f"{model}, exported by torch {_version('torch')}")


@dataclass(frozen=True)
class _Hub:
    """A file of a repository on the hub; no file: the one network in it."""

    repository: str
    revision: str | None
    file: str

    @staticmethod
    def of(text: str) -> _Hub:
        """What an address says; as a path, it has lost one of its slashes.

        Raises
        ------
        FirebrickError
            If it is no address.
        """
        owner, _, rest = text.removeprefix(HUB).lstrip("/").partition("/")
        name, _, file = rest.partition("/")
        name, at, revision = name.partition("@")
        if not owner or not name or bool(at) != bool(revision):
            raise FirebrickError(
                f"{text}: is no address; give hf://OWNER/NAME or hf://OWNER/NAME/FILE"
            )
        return _Hub(f"{owner}/{name}", revision or None, file)

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"hf://{self.repository}{at}{f'/{self.file}' if self.file else ''}"

    def fetch(self) -> Fetched:
        """Download it, or take what was kept.

        Raises
        ------
        FirebrickError
            If that fails, with a remedy; or if the file is not what the hub says.
        """
        require_package("huggingface_hub", f"{self}: the Hugging Face hub takes", "hub")
        constants = importlib.import_module("huggingface_hub.constants")
        # Named, since some versions keep for good what it was when they were imported.
        hub = importlib.import_module("huggingface_hub").HfApi(endpoint=constants.ENDPOINT)
        importlib.import_module("huggingface_hub.utils").disable_progress_bars()
        try:
            file = self.file or self._only_network(hub)
            name = hub.hf_hub_download(self.repository, file, revision=self.revision)
        except FirebrickError:
            raise
        except Exception as error:  # of the library, or of what it uses to get at the network
            raise FirebrickError(f"{self}: {self._remedy(error)}") from None
        path = Path(name)
        digest = self._checked(path)
        commit = path.relative_to(_snapshots(path)).parts[0]
        return Fetched(path, f"hf://{self.repository}@{commit}/{file}, SHA-256 {digest}")

    def _only_network(self, hub: Any) -> str:
        """The one network in the repository: an ONNX file, or else another that is read.

        Raises
        ------
        FirebrickError
            If there are several, or none.
        """
        if importlib.import_module("huggingface_hub.constants").HF_HUB_OFFLINE:
            raise FirebrickError(f"{self}: offline, a file must be named; hf://OWNER/NAME/FILE")
        files = hub.list_repo_files(self.repository, revision=self.revision)
        for kind in KINDS:
            found = sorted(file for file in files if file.lower().endswith(kind))
            if len(found) == 1:
                return str(found[0])
            if found:
                raise FirebrickError(
                    f"{self}: holds {', '.join(found)}; name one, {self}/{found[0]}"
                )
        raise FirebrickError(
            f"{self}: holds no network that firebrick reads ({', '.join(KINDS)}), but "
            f"{', '.join(sorted(files)[:8])}; export one to ONNX"
        )

    def _remedy(self, error: Exception) -> str:
        """What went wrong, and what to do."""
        errors = importlib.import_module("huggingface_hub.errors")
        reason = " ".join(str(error).split())[:160]
        for kind, told in (
            (errors.GatedRepoError, "its owner wants you to ask first; do so on its page of the "
             "hub, then `hf auth login`"),
            (errors.RepositoryNotFoundError, "the hub has no such repository, or not for you; "
             "check the name, or `hf auth login`"),
            (errors.RevisionNotFoundError, "has no such revision; leave it out"),
            (errors.LocalEntryNotFoundError, "not kept here, and the hub cannot be reached or "
             "HF_HUB_OFFLINE is set; fetch it once while online"),
            (errors.EntryNotFoundError, "the repository has no such file; leave the file out to "
             "see which it has"),
            (errors.OfflineModeIsEnabled, "HF_HUB_OFFLINE is set; fetch it once without"),
            (errors.HFValidationError, f"no name of a repository ({reason}); give hf://OWNER/NAME"),
        ):  # fmt: skip
            if isinstance(error, kind):
                return told
        return f"cannot be fetched ({reason}); check the network, or HF_ENDPOINT and proxies"

    def _checked(self, path: Path) -> str:
        """SHA-256 of a file, which the hub calls large ones by.

        Raises
        ------
        FirebrickError
            If it is another.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        said = path.resolve().name
        if len(said) == SHA256_DIGITS and said != digest:
            raise FirebrickError(
                f"{self}: SHA-256 is {digest}, but the hub says {said}; delete {path.resolve()} "
                "and fetch it again"
            )
        return digest


def _snapshots(path: Path) -> Path:
    """The folder of a repository's commits that a kept file is in."""
    return next(folder for folder in path.parents if folder.name == "snapshots")


def _exported(name: str, folder: Path) -> Path:
    """One of torchvision's networks with its weights as ONNX.

    Raises
    ------
    FirebrickError
        If there is none of that name, or what it takes is not installed.
    """
    for package in ("torch", "torchvision"):
        require_package(package, f"{TORCHVISION}{name} takes", "torchvision")
    torch, models = importlib.import_module("torch"), importlib.import_module("torchvision.models")
    if name not in models.list_models():
        like = [known for known in models.list_models() if known[:6] == name[:6]]
        raise FirebrickError(
            f"{TORCHVISION}{name}: no such network; torchvision has {', '.join(like) or 'others'}; "
            "see torchvision.models.list_models()"
        )
    weights = models.get_model_weights(name).DEFAULT
    network = models.get_model(name, weights=weights).eval()
    path = folder / f"{name}.onnx"
    recipe = weights.transforms()
    side = getattr(recipe, "crop_size", [SIDE])[0]
    pixels = torch.zeros(1, 3, side, side)
    torch.onnx.export(network, pixels, str(path), opset_version=OPSET, dynamo=False)
    model = onnx.load(path)
    helper.set_model_props(model, {
        "mean": ",".join(map(str, recipe.mean)),
        "std": ",".join(map(str, recipe.std)),
        "labels": json.dumps(weights.meta["categories"]),
    })  # fmt: skip
    onnx.save(model, path)
    return path


def _version(package: str) -> str:
    return str(getattr(importlib.import_module(package), "__version__", "?"))
