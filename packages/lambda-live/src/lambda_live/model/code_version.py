"""The code, and what it is run with, between one change and the next."""

import enum
import time
from dataclasses import dataclass, field

from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Result


class LoadOutcome(enum.Enum):
    """What became of the first attempt to load it."""

    UNKNOWN = enum.auto()
    LOADED = enum.auto()
    FAILED = enum.auto()
    TIMED_OUT = enum.auto()


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


@dataclass(slots=True, eq=False)
class CodeVersion:
    """
    One object for each change, so that two are the same only if they are one.

    `began` is in seconds of the epoch. `fresh_at`, monotonic, is when it was last seen to be what
    is on disk: a request that came before that may be answered by it.
    """

    code_sha256: str
    configuration: FunctionConfiguration
    verified_at: float
    is_initial: bool = False
    outcome: LoadOutcome = LoadOutcome.UNKNOWN
    created_at: float = field(default_factory=time.time)
    load: CodeLoad | None = None
