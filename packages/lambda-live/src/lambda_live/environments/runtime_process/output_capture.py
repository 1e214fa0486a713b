"""What is written while modules are imported ahead, kept until the function asks for them."""

import os
import sys
from collections.abc import Sequence


class OutputCapture:
    """Takes the place of the log's file descriptors."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        name = os.path.join(os.environ.get("TMPDIR", "/tmp"), f".lambda-live-{os.getpid()}")  # noqa: S108  # unlinked at once; tempfile imports much
        self._file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        os.unlink(name)
        self._log = {descriptor: os.dup(descriptor) for descriptor in descriptors}
        self._read = 0
        for descriptor in descriptors:
            os.dup2(self._file, descriptor, inheritable=True)

    def read_new(self) -> bytes:
        """Return what was written since it was asked last."""
        sys.stdout.flush()
        sys.stderr.flush()
        size = os.fstat(self._file).st_size - self._read
        written = os.pread(self._file, size, self._read)
        self._read += len(written)
        return written

    def close(self) -> None:
        """Let the log be the log again."""
        for descriptor, copy in self._log.items():
            os.dup2(copy, descriptor, inheritable=True)
            os.close(copy)
        os.close(self._file)
