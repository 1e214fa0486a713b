"""
Capture of what modules write while they are preloaded.

Problem: a preloaded module may print or log, long before the function imports it. The line would
appear in the log at the wrong time, or for a function that never imports the module.

How it works: the file descriptors of the log (1, 2 and that of awslambdaric) are redirected with
`dup2` to an unlinked temporary file, so output of native code is captured too. `preload.py` writes
a module's output to the log when the function imports the module.

Without it, log lines appear before START or twice.
"""

import os
import sys
from collections.abc import Sequence


class OutputCapture:
    """Redirects file descriptors to a temporary file."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._descriptors = descriptors
        self._originals: dict[int, int] = {}
        self._file = -1
        self._offset = 0

    def start(self) -> None:
        """Redirect the descriptors."""
        # not in TMPDIR, because a function may name a folder that it creates later
        name = f"/tmp/.lambda-live-{os.getpid()}"  # noqa: S108  # unlinked at once; `tempfile` imports much
        self._file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        os.unlink(name)
        self._originals = {descriptor: os.dup(descriptor) for descriptor in self._descriptors}
        for descriptor in self._descriptors:
            os.dup2(self._file, descriptor, inheritable=True)

    def read_new(self) -> bytes:
        """Return what was written since the last call."""
        sys.stdout.flush()
        sys.stderr.flush()
        size = os.fstat(self._file).st_size - self._offset
        output = os.pread(self._file, size, self._offset)
        self._offset += len(output)
        return output

    def close(self) -> None:
        """Restore the descriptors."""
        for descriptor, original in self._originals.items():
            os.dup2(original, descriptor, inheritable=True)
            os.close(original)
        os.close(self._file)
