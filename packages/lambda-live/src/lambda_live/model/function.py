"""
The configuration of a function, and the account that it belongs to.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from lambda_live.model.requirements import Requirements
from lambda_live.model.template import (
    DEFAULT_MEMORY_MB,
    DEFAULT_TIMEOUT_SECONDS,
    EventInvokeConfig,
    FunctionUrlConfig,
    Image,
    Route,
)

DEFAULT_CONCURRENCY = 10
"""The limit of a function without reserved concurrency; AWS's 1,000 is too much for a laptop."""


@dataclass(frozen=True, slots=True)
class Account:
    """The simulated AWS account and region."""

    region: str = "us-east-1"
    account_id: str = "123456789012"

    def function_arn(self, name: str) -> str:
        """Return the unqualified ARN of a function."""
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{name}"


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """
    What AWS stores about a function, and what only the local service needs.

    - `timeout` is in seconds, `memory` in MB (2**20 bytes, like AWS).
    - `project` is the folder of the template, or the working directory.
    - `concurrency` is the largest number of environments.
    - `local_environment` has variables that are set here and not on AWS.
    - `package_dirs` are added to `sys.path`. A function sees them, AWS's runtime, and no other
      package.
    - `layer_sources` are layers to build; they have requirements of their own.
    - `public_layer_requirements` replace layers that other accounts publish.
    - `interpreter` runs the function. It differs from `runtime` if that version is not installed.
    - `runtime_packages` has AWS's runtime client for an interpreter that is not the service's.
    """

    name: str
    handler: str
    task_root: Path
    watched_paths: tuple[Path, ...]
    account: Account
    project: Path = field(default_factory=Path)
    timeout: float = DEFAULT_TIMEOUT_SECONDS
    memory: int = DEFAULT_MEMORY_MB
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
