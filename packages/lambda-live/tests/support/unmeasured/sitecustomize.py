"""Turn coverage off in the processes that the service starts; it costs each of them 0.2 s."""

import os

for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
    del os.environ[name]
