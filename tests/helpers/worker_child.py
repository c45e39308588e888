"""`seq2seq` in a process that sends itself a signal: SIGNAL STEP,STEP ARGUMENT..., 0 for none.

After each of the steps once, however often it is started from one folder.
"""

import os
import signal
import sys
from pathlib import Path

from seq2seq.cli import progress
from seq2seq.cli.main import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
number, steps = int(sys.argv[1]), [int(step) for step in sys.argv[2].split(",")]


class Reporter(progress.LiveReporter):
    """Sends the signal after steps of its own process."""

    def stepped(self, state, *rest):
        super().stepped(state, *rest)
        sent = Path(f"sent_after_{state.step}")
        if number and state.step in steps and not sent.exists():
            sent.touch()
            os.kill(os.getpid(), number)


progress.LiveReporter = Reporter
main(sys.argv[3:])
