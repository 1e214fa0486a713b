"""
The configuration of a function, and the account that it belongs to.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from lambda_live.model.template import (
    DEFAULT_MEMORY_MB,
    DEFAULT_TIMEOUT_SECONDS,
    FunctionSettings,
    FunctionUrlConfig,
    Trigger,
)

LATEST = "$LATEST"
"""The version that is not published."""

DEFAULT_CONCURRENCY = 10
"""The limit of a function without reserved concurrency; AWS's 1,000 is too much for a laptop."""

# The regions of a partition have the same prefix. Source: botocore's partitions.json.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
_URL_SUFFIXES = {
    "aws-cn": "amazonaws.com.cn",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-eusc": "amazonaws.eu",
}


@dataclass(frozen=True, slots=True)
class Account:
    """The simulated AWS account and region, and the partition that follows from the region."""

    region: str = "us-east-1"
    account_id: str = "123456789012"

    @property
    def partition(self) -> str:
        """The partition, as in `arn:PARTITION:lambda:…`."""
        found = (name for start, name in _PARTITIONS.items() if self.region.startswith(start))
        return next(found, "aws")

    @property
    def url_suffix(self) -> str:
        """The domain of AWS's endpoints."""
        return _URL_SUFFIXES.get(self.partition, "amazonaws.com")

    def function_arn(self, name: str) -> str:
        """Return the unqualified ARN of a function."""
        return f"arn:{self.partition}:lambda:{self.region}:{self.account_id}:function:{name}"


def split_qualifier(arn: str) -> tuple[str, str | None]:
    """Return a function's ARN without its qualifier, and the qualifier if it has one."""
    unqualified, qualifier = arn.split(":")[:7], arn.split(":")[7:]
    return ":".join(unqualified), qualifier[0] if qualifier else None


@dataclass(frozen=True, slots=True)
class FunctionConfiguration(FunctionSettings):
    """
    What AWS stores about a function, and what only the local service needs.

    - `timeout` is in seconds, `memory` in MB (2**20 bytes, like AWS).
    - `project` is the folder of the template, or the working directory.
    - `concurrency` is the largest number of environments.
    - `local_environment` has variables that are set here and not on AWS.
    - `package_dirs` are added to `sys.path`. A function sees them, AWS's runtime, and no other
      package.
    - `source_dirs` are added to `sys.path`, too. They are folders of the repository, so their
      modules are the function's own code.
    - `layer_sources` are layers to build; they have requirements of their own.
    - `interpreter` runs the function. It differs from `runtime` if that version is not installed.
    - `triggers` are shown on the page, which offers sample events for them.
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
    source_dirs: tuple[Path, ...] = ()
    layer_sources: tuple[Path, ...] = ()
    runtime: str = SERVICE_INTERPRETER.runtime
    interpreter: Interpreter = SERVICE_INTERPRETER
    runtime_packages: Path | None = None
    has_reserved_concurrency: bool = False
    url: FunctionUrlConfig = field(default_factory=FunctionUrlConfig)
    triggers: tuple[Trigger, ...] = ()
    architecture: str = "x86_64"
    log_group: str | None = None

    def version_of(self, qualifier: str | None) -> str | None:
        """Return the version that an alias or version leads to, or None if there is none."""
        if qualifier in (None, LATEST):
            return LATEST
        return self.aliases.get(qualifier, qualifier if qualifier in self.versions else None)

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the image, the template and `.env`; later ones take precedence."""
        image = self.image.variables if self.image else {}
        return {**image, **self.environment, **self.local_environment}

    @property
    def log_group_name(self) -> str:
        """The log group: the template's, else AWS's default."""
        return self.log_group or f"/aws/lambda/{self.name}"

    @property
    def arn(self) -> str:
        """The unqualified ARN."""
        return self.account.function_arn(self.name)
