import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from gen.common.errors import FirebrickError
from gen.common.workers import Here, Processes, cores, find_workers
from tests.paths import ROOT


def scaled(factor: int, item: int) -> tuple[int, int]:
    return factor * item, os.getpid()


def threads(_: None, item: int) -> int:
    assert np.ones(item) @ np.ones(item) == item
    return max(library["num_threads"] for library in threadpool_info())


def refuses(_: None, item: int) -> int:
    if item == 3:
        raise FirebrickError("three is too many")
    return item


def dies(_: None, item: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps(_: None, item: int) -> int:
    time.sleep(60 if item else 0)
    return item


def test_who_works():
    assert isinstance(find_workers(1, None, "--jobs"), Here)
    assert find_workers(3, None, "--jobs").count == 3
    assert find_workers(None, None, "--jobs").count == cores() >= 1
    with pytest.raises(FirebrickError, match="--jobs and --scheduler: leave one out"):
        find_workers(2, "tcp://127.0.0.1:1", "--jobs")


def test_every_item_is_done_once_and_in_other_processes():
    with Here() as here, Processes(2, "--jobs") as two:
        alone = list(here.results(scaled, 3, range(9)))
        together = list(two.results(scaled, 3, range(9)))
    assert [value for value, _ in alone] == [3 * item for item in range(9)]
    assert sorted(value for value, _ in together) == [value for value, _ in alone]
    assert {pid for _, pid in alone} == {os.getpid()}
    assert os.getpid() not in {pid for _, pid in together}
    assert list(two.results(scaled, 3, [])) == []


def test_each_piece_has_one_core():
    assert list(Processes(2, "--jobs").results(threads, None, [1, 2])) == [1, 1]
    assert list(Here().results(threads, None, [1])) == [1]


def test_an_error_ends_it():
    with pytest.raises(FirebrickError, match="three is too many"):
        list(Processes(2, "--jobs").results(refuses, None, range(9)))
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed():
    with pytest.raises(FirebrickError, match="use fewer with --jobs"):
        list(Processes(2, "--jobs").results(dies, None, [1]))


def test_nobody_waits_for_what_is_given_up():
    with closing(Processes(2, "--jobs").results(sleeps, None, [0, 1, 1, 1])) as results:
        assert next(results) == 0
    assert multiprocessing.active_children() == []


def test_ctrl_c_is_heard_here_only():
    """A whole process group is interrupted, as by a terminal, and only its head says so."""
    script = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in the background
        "from gen.common.workers import Processes\n"
        "from tests.gen.common.test_workers import sleeps\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        for _ in Processes(2, '--jobs').results(sleeps, None, [0, 1, 1]):\n"
        "            print('ready', flush=True)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=50)
    assert (process.returncode, out, err) == (0, "interrupted\n", "")
