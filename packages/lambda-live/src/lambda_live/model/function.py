"""
What AWS would be told of one function.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from lambda_live.model.requirements import Requirements
from lambda_live.model.template import EventInvokeConfig, FunctionUrlConfig, Image, Route

DEFAULT_CONCURRENCY = 10
"""Environments at most where nobody reserves any; AWS has 1,000, a developer's machine has not."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account in a region; nothing of it exists on AWS."""

    region: str = "us-east-1"
    account_id: str = "123456789012"

    def function_arn(self, name: str) -> str:
        """Return the unqualified ARN under which a function is invoked."""
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{name}"


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """
    The timeout is in seconds, memory in MB (2**20 bytes, as AWS counts it).

    `project` is the folder of the template, or the one that was stood in.
    `concurrency` is how many environments there may be; it is `reserved` if somebody said so.
    `local_environment` is what a function needs here alone, and AWS would not be told.
    `packages` are directories of Python modules beside its code: it sees those, AWS's runtime, and
    no other package. The `sources`, of layers, name requirements of their own, as its code does;
    what is `published` stands in for layers of others.
    `python` runs it, in place of what `runtime` names if that is not here; another than the
    service's has AWS's runtime in `runtime_packages`.
    """

    name: str
    handler: str
    task_root: Path
    watched_paths: tuple[Path, ...]
    account: Account
    project: Path = field(default_factory=Path)
    timeout: float = 3.0
    memory: int = 128
    concurrency: int = DEFAULT_CONCURRENCY
    json_logs: bool = False
    application_log_level: str | None = None
    system_log_level: str = "INFO"
    environment: Mapping[str, str] = field(default_factory=dict)
    local_environment: Mapping[str, str] = field(default_factory=dict)
    package_dirs: tuple[Path, ...] = ()
    layer_sources: tuple[Path, ...] = ()
    runtime: str = SERVICE_INTERPRETER.runtime
    interpreter: Interpreter = SERVICE_INTERPRETER
    runtime_packages: Path | None = None
    has_reserved_concurrency: bool = False
    url: FunctionUrlConfig = field(default_factory=FunctionUrlConfig)
    event_invoke_config: EventInvokeConfig = field(default_factory=EventInvokeConfig)
    routes: tuple[Route, ...] = ()
    image: Image | None = None
    public_layer_requirements: Requirements | None = None

    @property
    def arn(self) -> str:
        """The unqualified ARN."""
        return self.account.function_arn(self.name)
