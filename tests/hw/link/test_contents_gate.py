import random

from amaranth.sim import Simulator

from hw.link.contents_gate import ContentsGate

FRAMES = 4


class Player:
    """Plays frames of either kind into a gate, and answers them when it likes."""

    def __init__(self, seed: int):
        self.gate, self.rng = ContentsGate(FRAMES), random.Random(seed)
        self.frames = [
            (self.rng.random() < 0.4, self.rng.randbytes(self.rng.randint(1, 9))) for _ in range(80)
        ]
        self.found: list[tuple[bool, bytes]] = []
        self.inside: list[bool] = []  # whether each is one of contents
        self.waits = 0  # cycles in which something had to

    async def play(self, ctx) -> None:
        gate, rng = self.gate, self.rng
        todo = [
            (contents, byte, at == len(data) - 1)
            for contents, data in self.frames
            for at, byte in enumerate(data)
        ]
        done: list[int] = []
        offered, first, came = False, True, b""
        for _ in range(8000):
            offered = offered or (bool(todo) and rng.random() < 0.8)
            contents, byte, last = todo[0] if todo else (False, 0, False)
            # The place for one more is what the board's credit stands for.
            allowed = offered and (not first or len(self.inside) < FRAMES)
            ctx.set(gate.i.valid, allowed)
            ctx.set(gate.i.payload, {"byte": byte, "last": last, "coded": 0})
            ctx.set(gate.i_contents, contents)
            ctx.set(gate.o.ready, rng.random() < 0.7)
            ctx.set(gate.o_contents.ready, rng.random() < 0.7)
            # One of contents is dealt with behind its last byte, and answered behind that.
            deals = bool(done) and rng.random() < 0.3
            answers = not deals and self._answerable(first, done) and rng.random() < 0.3
            ctx.set(gate.i_done, deals)
            ctx.set(gate.i_answered, answers)
            moves = allowed and ctx.get(gate.i.ready)
            self.waits += bool(allowed and not moves)
            assert ctx.get(gate.o_began) == (moves and first and contents)
            for number, port in enumerate((gate.o, gate.o_contents)):
                taken = ctx.get(port.valid) and ctx.get(port.ready)
                assert taken == (moves and contents == number)
                assert not taken or ctx.get(port.payload.byte) == byte
            await ctx.tick()
            if answers:
                self.inside.pop(0)
            if deals:
                done.clear()
            if moves:
                if first:
                    assert not contents or not self.inside
                    assert contents or not done
                    self.inside.append(contents)
                came, first = came + bytes([byte]), last
                todo.pop(0)
                offered = False
                if last:
                    self.found.append((contents, came))
                    came = b""
                    if contents:
                        done.append(1)
            if not todo and not self.inside and not done:
                return
        raise AssertionError("stuck")

    def _answerable(self, first: bool, done: list[int]) -> bool:
        """Whether the oldest frame may be answered: all of it has gone on."""
        return bool(self.inside) and not done and (len(self.inside) > 1 or first)


def test_frames_of_contents_have_the_board_for_themselves():
    for seed in range(4):
        player = Player(seed)
        simulator = Simulator(player.gate)
        simulator.add_clock(1e-8)
        simulator.add_testbench(player.play)
        simulator.run()
        assert player.found == player.frames
        assert player.waits > 50
