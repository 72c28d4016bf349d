"""Progress that remembers what it was told, and looks around meanwhile."""

from threadpoolctl import threadpool_info


class Recorder:
    """Phases and steps, in the order in which they were told."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.steps: list[tuple[int, int]] = []

    def begin(self, phase: str) -> None:
        self.phases.append(phase)

    def advance(self, done: int, total: int) -> None:
        self.steps.append((done, total))


class BlasThreads(Recorder):
    """How many cores the libraries for matrices may use, asked at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def advance(self, done: int, total: int) -> None:
        self.seen |= {pool["num_threads"] for pool in threadpool_info()}
