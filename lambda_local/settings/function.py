"""
What AWS would be told of one function.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
"""

from dataclasses import dataclass
from pathlib import Path

from lambda_local.settings.account import Account


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """
    The timeout is in seconds, memory in MB (2**20 bytes, as AWS counts it).

    `concurrency` is how many environments there may be, as AWS's reserved concurrency.
    """

    name: str
    handler: str
    task_root: Path
    watch: tuple[Path, ...]
    account: Account
    timeout: float = 3.0
    memory: int = 128
    concurrency: int = 10
    json_logs: bool = False

    @property
    def arn(self) -> str:
        """The unqualified ARN."""
        return self.account.function_arn(self.name)
