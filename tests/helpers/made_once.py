"""What is costly to make, made once for all processes of a test run (pytest-xdist has several)."""

import fcntl
import os
import shutil


def made_once(factory, name, make):
    """The folder called `name`: `make` fills it for the first that asks, the others wait for it.

    It is everybody's, so nobody changes it.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, whole = shared / name, shared / f"{name}.whole"
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)  # left by one that failed
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
