"""Commands that print a result of the checks, as `scripts/check` does for the service."""

import json
import shlex
from collections.abc import Sequence

from lambda_live.checks.check_result import Check, CheckResult
from lambda_live.checks.comparison import Difference
from lambda_live.checks.function_response import CheckError

ALL_PASSED = "3 of 3 events as expected"


def print_result(
    passed: int = 3, differences: Sequence[str] = (), errors: Sequence[str] = ()
) -> str:
    """Return a shell command that prints a result; each difference is a failed check of its own."""
    checks = [
        *(Check(f"events/ok{number}.json", "function", "passed") for number in range(passed)),
        *(
            Check(f"events/{name}.json", "function", "failed", [Difference(name, 1, 2)])
            for name in differences
        ),
        *(
            Check(f"events/{name}.json", "function", "failed", error=CheckError(name, "failed"))
            for name in errors
        ),
    ]
    text = json.dumps(CheckResult("http://localhost", (), checks).to_json(), separators=(",", ":"))
    status = "; exit 1" if differences or errors else ""
    return f"printf '%s\\n' {shlex.quote(text)}{status}"
