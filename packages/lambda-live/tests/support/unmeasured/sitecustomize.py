"""Leaves what the service starts without coverage, which costs each process 0.2 s."""

import os

for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
    del os.environ[name]
