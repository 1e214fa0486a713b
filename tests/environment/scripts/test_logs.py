import subprocess

import pytest


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--help"], 0, "Usage: scripts/logs"),
        (["--since", "soon"], 2, "expected a number and s, m or h"),
        (["--since"], 2, "Usage: scripts/logs"),
        (["one", "two"], 2, "Usage: scripts/logs"),
        (["--nonsense"], 2, "Usage: scripts/logs"),
        ([], 1, "is tilt up running?"),
    ],
)
def test_the_script_says_what_is_wrong(arguments: list[str], status: int, said: str) -> None:
    done = subprocess.run(
        ["scripts/logs", *arguments],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LOKI_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == status
    assert said in done.stdout + done.stderr
