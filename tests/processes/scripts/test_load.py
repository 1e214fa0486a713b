import subprocess

from tests.support.starting import StartLambda


def load(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/load", *args], capture_output=True, text=True, timeout=120, check=False
    )


def test_answers_are_counted_by_status(start_lambda: StartLambda) -> None:
    service = start_lambda("def handler(event, context): return event")

    loaded = load("--url", service.url, "--requests", "30", "--parallel", "3")

    assert loaded.returncode == 0
    assert loaded.stdout.split() == ["answers", "by", "status:", "30", "200"]


def test_a_refused_request_is_a_failure(start_lambda: StartLambda) -> None:
    service = start_lambda("def handler(event, context): return event", "--concurrency", "0")

    loaded = load("--url", service.url, "--requests", "3")

    assert loaded.returncode == 1
    assert loaded.stdout.split()[-2:] == ["3", "429"]


def test_a_request_without_an_answer_is_a_failure(start_lambda: StartLambda) -> None:
    service = start_lambda("def handler(event, context): return event")
    service.close()

    loaded = load("--url", service.url, "--requests", "3")

    assert loaded.returncode == 1
    assert loaded.stdout.split()[-2:] == ["3", "000"]


def test_a_number_that_is_none_is_a_usage_error() -> None:
    assert load("--requests", "many").returncode == 2
    assert load("--parallel").returncode == 2
