"""A version of the code: a new one starts with each change of code or configuration."""

import enum
import time
from dataclasses import dataclass, field

from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Result


class LoadOutcome(enum.Enum):
    """The outcome of the first init."""

    UNKNOWN = enum.auto()
    LOADED = enum.auto()
    FAILED = enum.auto()
    TIMED_OUT = enum.auto()


@dataclass(frozen=True, slots=True)
class CodeLoad:
    """
    The first load of a code version, successful or failed.

    `is_first` is true for the load at the service's start. `location` has the file, line and text
    of the error, if they are known. `elapsed_ms` is the time since the last save, or the start.
    """

    code_sha256: str
    is_first: bool
    error: Result | None = None
    location: str = ""
    elapsed_ms: float | None = None


@dataclass(slots=True, eq=False)
class CodeVersion:
    """
    A version of the code with its configuration. Versions are compared by identity.

    `code_sha256` of the first version is empty until the code has been read.

    `verified_at` is the monotonic time at which the files were last compared with this version. A
    request that arrived earlier may run on it. `created_at` is in epoch seconds.
    """

    code_sha256: str
    configuration: FunctionConfiguration
    verified_at: float
    is_initial: bool = False
    outcome: LoadOutcome = LoadOutcome.UNKNOWN
    created_at: float = field(default_factory=time.time)
    load: CodeLoad | None = None
