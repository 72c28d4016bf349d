"""What an update puts where, and why it may not come to its end: for boards and cores alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gen.common.errors import FirebrickError
from host.new_contents import NewContents
from protocol.contents.blocks import Status
from protocol.contents.image import check_of_all
from protocol.contents.layout import differing
from protocol.contents.writer import BlockWriter
from protocol.messages import DeviceInfo
from protocol.update_registers import UpdateInfo

CONCURRENT = "does another program update it at the same time?"
_COUNTERS = 1 << 32
_WRONG_FOLDER = "give the folder that its bitstream was generated in by --build"
_REASONS = {
    Status.MALFORMED: "it does not understand what it is sent, so it is of another version; "
    "generate its sources again with this one",
    Status.TAG: "what it was sent is not signed with its key; give the file of the key that it was "
    "generated with by --key",
    Status.COUNTER: f"it has seen this update's counter before; {CONCURRENT}",
    Status.ORDER: f"it was sent something else in between; {CONCURRENT}",
    Status.NOT_UPDATING: f"no update is under way any more; {CONCURRENT}",
    Status.STRUCTURE: f"it is of another structure; {_WRONG_FOLDER}",
    Status.CHECK: "its memories do not hold what was written to them; load its bitstream again, "
    "and verify it with `python -m host verify`",
}


class UpdatePlan:
    """An update of something that holds what :class:`NewContents` is for.

    Parameters
    ----------
    contents : NewContents
    key : bytes or None
        Of what is updated, if it has one.
    name : str
        Of what is updated, as messages begin: "the core", "COM3: the board".
    generator : str
        Command that makes such.

    Attributes
    ----------
    contents : NewContents
    """

    def __init__(self, contents: NewContents, key: bytes | None, name: str, generator: str):
        self.contents = contents
        self._key, self._name, self._generator = key, name, generator

    def check(self, about: DeviceInfo | UpdateInfo | None) -> None:
        """Check that what is updated is the folder's, and takes what is signed with this key.

        Parameters
        ----------
        about : DeviceInfo, UpdateInfo or None
            What it says of itself; None if it takes no update.

        Raises
        ------
        FirebrickError
            If not.
        """
        if about is None or not about.memories:
            raise FirebrickError(
                f"{self._name}'s memories cannot be updated; generate it with "
                f"`{self._generator} --updatable`, and load that bitstream"
            )
        layout = self.contents.layout
        if (about.structure, about.memories) != (layout.digest, len(layout.memories)):
            raise FirebrickError(
                f"{self._name} is of structure {about.structure.hex()} with {about.memories} "
                f"memories, and {self.contents.folder} of {layout.digest.hex()} with "
                f"{len(layout.memories)}; {_WRONG_FOLDER}"
            )
        if not about.keyed:
            self._key = None
        elif self._key is None:
            raise FirebrickError(
                f"{self._name} takes only what is signed with its key; give the file of the key by "
                "--key"
            )

    def missing(self, digest: bytes, checks: Sequence[int], *, updating: bool) -> list[int] | None:
        """Numbers of memories to be written; None if there is nothing to be done at all.

        Parameters
        ----------
        digest : bytes
            Of the network that what is updated says that it holds.
        checks : sequence of int
            Of each memory.
        updating : bool
            An update has begun and is not complete.
        """
        found = differing(self.contents.images, checks)
        right = digest == self.contents.network.digest
        return None if right and not found and not updating else found

    def blocks(self, counter: int, missing: Sequence[int]) -> Iterator[bytes]:
        """An update of some memories: the first block begins it, and the last one commits it.

        Parameters
        ----------
        counter : int
            Of the last update that began.
        missing : sequence of int
            Numbers of these memories.

        Raises
        ------
        FirebrickError
            If no counter is left; before the first block.
        """
        if counter + 1 == _COUNTERS:
            raise FirebrickError(
                f"{self._name}'s counter of updates is at its end; load its bitstream again"
            )
        writer, contents = BlockWriter(counter + 1, self._key), self.contents
        yield writer.begin(contents.layout.digest)
        for number in missing:
            yield from writer.rows(number, contents.images[number])
        check = check_of_all([image.check for image in contents.images])
        yield writer.commit(check, contents.network.digest)

    def refusal(self, status: Status) -> str:
        """Why an update did not come to its end, and what to do; OK if all of it was taken."""
        if status is Status.OK:
            return f"{self._name} took the update, and holds something else now; {CONCURRENT}"
        return f"{self._name} refuses the update ({status.name}): {_REASONS[status]}"

    @property
    def advice(self) -> str:
        """What to do if the update has ended before it was complete."""
        return (
            "The update is not complete. What was written is kept, and no frame is answered until "
            "an update is complete: run the same command again, which sends only what is missing, "
            f"or update it with {self.contents.folder.network}, which restores what it was "
            "generated with"
        )
