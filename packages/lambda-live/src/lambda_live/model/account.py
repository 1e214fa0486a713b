"""Who the function belongs to, as AWS would say it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """An account in a region; nothing of it exists on AWS."""

    region: str = "us-east-1"
    account_id: str = "123456789012"

    def function_arn(self, name: str) -> str:
        """Return the unqualified ARN under which a function is invoked."""
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{name}"
