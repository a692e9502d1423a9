"""What holds for every test."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# How long one example takes says nothing on a machine that has eight times as much to do as it has cores; each test has
# its own limit.
settings.register_profile("lowtide", deadline=None)
settings.load_profile("lowtide")

# A shell that starts the tests in the background has them ignore Ctrl-C, and every command that they start, too: those
# that are interrupted on purpose would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests start thousands of processes. Where no bytecode may be written, as in many containers, each of them would
# compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
