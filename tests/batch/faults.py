"""What goes wrong in a worker of the tests: loaded into it by Dask (``--preload``), by case.

The environment variable says which case has which fault, as JSON. Each strikes in the middle
of writing the case's folder.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from pathlib import Path

import numpy as np

from hepatica.batch import readahead
from hepatica.case import run

#: Not a case, but where to write what is read ahead.
READ = "read ahead"
VARIABLE = "HEPATICA_TEST_FAULTS"


def strike(fault: str, case: str) -> None:
    kind, _, value = fault.partition(":")
    if kind == "once":
        # Only the first time, on whichever worker.
        kind, _, mark = value.partition(":")
        try:
            Path(mark).touch(exist_ok=False)
        except FileExistsError:
            return
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "hang":
        # As compiled code does that never gives the interpreter's lock back.
        ctypes.PyDLL(None).sleep(600)
    elif kind == "wait":
        Path(value).touch()
        time.sleep(600)
    elif kind == "slow":
        time.sleep(float(value))
    elif kind == "eat":
        np.ones(int(float(value) * 1e9), np.uint8).sum()
    else:
        raise AssertionError(fault)


def dask_setup(worker) -> None:
    """Called by Dask in each worker."""
    faults = json.loads(os.environ.get(VARIABLE, "{}"))
    if READ in faults:
        read_through = readahead.read_through

        def noted(source):
            with Path(faults[READ]).open("a") as file:
                file.write(f"{source.name}\n")
            return read_through(source)

        readahead.read_through = noted
    sound = run.preview

    def preview(volume, labelmap, measurements, case):
        if case in faults:
            strike(faults[case], case)
        return sound(volume, labelmap, measurements, case)

    run.preview = preview
