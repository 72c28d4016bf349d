"""The cocotb test that runs in every simulator: see :class:`tests.harness.simulator.Simulator`.

Takes runs from the socket whose descriptor the plusarg ``channel`` gives, one JSON object a line,
and answers each with how it ended. Each run is taken by a copy of the process, which is still at
power-up then, so that Python and cocotb start once for many runs.
"""

import json
import os
import socket
import sys
from importlib import import_module
from pathlib import Path

import cocotb


@cocotb.test()
async def serve(dut):
    """Serve until the other end closes; in a copy, play one run."""
    with socket.socket(fileno=int(cocotb.plusargs["channel"])) as channel:
        for line in channel.makefile():
            run = json.loads(line)
            bench = import_module(run["bench"])
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                log = os.open(run["log"], os.O_WRONLY | os.O_CREAT)
                os.dup2(log, 1)
                os.dup2(log, 2)
                outcome = await bench.play(dut, run["spec"])
                Path(run["result"]).write_text(json.dumps(outcome))
                sys.stdout.flush()
                os._exit(0)  # without the end of a simulation, which takes as long as a short one
            _, status = os.waitpid(child, 0)
            channel.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
