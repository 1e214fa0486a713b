import pytest

from lambda_live.resources.engine import Engine


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    """Install the emulator before a service starts: a start must not wait for it."""
    Engine.install(lambda _: None)
