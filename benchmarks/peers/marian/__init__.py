"""Runs Marian beside this project, for speed comparisons on the same machine."""

from benchmarks.peers.marian.environment import MARIAN
from benchmarks.peers.toolkit import Toolkit

TOOLKIT = Toolkit("Marian 1.12.42", "marian", MARIAN)
