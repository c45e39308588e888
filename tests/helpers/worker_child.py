"""`seq2seq` in a process that sends itself a signal: SIGNAL STEP ARGUMENT..., signal 0 for none."""

import os
import signal
import sys

from seq2seq.cli import progress
from seq2seq.cli.main import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
number, step = int(sys.argv[1]), int(sys.argv[2])


class Reporter(progress.LiveReporter):
    """Sends the signal after a step of its own process."""

    def stepped(self, state, *rest):
        super().stepped(state, *rest)
        if number and state.step == step:
            os.kill(os.getpid(), number)


progress.LiveReporter = Reporter
main(sys.argv[3:])
