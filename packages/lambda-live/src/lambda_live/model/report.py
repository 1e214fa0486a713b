"""
What is known of an init, an invocation and a load of the code when they have ended.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

import math
from dataclasses import dataclass

from lambda_live.model.invocation import Invocation, Result


@dataclass(frozen=True, slots=True)
class Report:
    """
    What AWS says of an invocation that ended. Times are in milliseconds, memory in MB.

    `status` is one of AWS's: success, error, timeout, failure.
    """

    duration_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None = None
    status: str = "success"
    error_type: str | None = None

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds, with the init (as AWS bills since August 2025)."""
        return math.ceil(self.duration_ms + (self.init_ms or 0.0))


@dataclass(frozen=True, slots=True)
class InitReport:
    """
    How an init ended, after so many milliseconds; `status` as in `Report`.

    One that is tried again is part of the `invocation` that waits for it.
    """

    init_ms: float
    status: str = "success"
    error_type: str | None = None
    invocation: Invocation | None = None

    @property
    def phase(self) -> str:
        """AWS's name for when it was: init or invoke."""
        return "init" if self.invocation is None else "invoke"


@dataclass(frozen=True, slots=True)
class CodeLoad:
    """
    The first time that code was loaded after it changed: well, or with AWS's error.

    `place` is that error's file, line and text, where they are known; `first` is the service's
    start. `ms` is how many milliseconds passed since the last file was saved, or since the start.
    """

    code_sha256: str
    is_first: bool
    error: Result | None = None
    location: str = ""
    elapsed_ms: float | None = None
