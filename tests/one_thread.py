"""Limit numerical libraries to one thread a process; import this before them.

The tests run on all cores at once, and small arrays gain nothing from threads, which wait for each
other in loops. The variable also reaches the processes that a test starts.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
