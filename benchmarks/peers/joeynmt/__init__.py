"""Runs JoeyNMT 2.3.0 beside this project, for speed comparisons on the same machine."""

from benchmarks.peers.joeynmt.environment import JOEYNMT
from benchmarks.peers.toolkit import Toolkit

TOOLKIT = Toolkit("JoeyNMT 2.3.0", "joeynmt", JOEYNMT)
