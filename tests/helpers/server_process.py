"""`seq2seq serve` as the command it is, in a process of its own."""

import re
import signal
import subprocess
import sys
from contextlib import contextmanager

SERVE = (sys.executable, "-m", "seq2seq", "serve")


class ServerProcess:
    """A command that serves, once it is ready; `said` is what it wrote to standard error."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(
            [str(each) for each in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.said = ""

    def until(self, pattern):
        """The match in the line of standard error that has it."""
        for line in self.process.stderr:
            self.said += line
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"the server ended and said {self.said!r}")

    @property
    def url(self):
        """Of REST; waits for it."""
        return self.until(r"serving .+ at (http://127\.0\.0\.1:\d+)$")[1]

    @property
    def grpc(self):
        """HOST:PORT, which is said after the URL."""
        return self.until(r"serving .+ by gRPC at (127\.0\.0\.1:\d+)$")[1]

    def stop(self, number=signal.SIGTERM):
        """Exit status."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=60)
        self.said += errors
        assert "Traceback" not in self.said, self.said
        return self.process.returncode


@contextmanager
def server_process(*command, environment=None):
    server = ServerProcess(command, environment)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()
