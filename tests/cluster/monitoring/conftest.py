from collections.abc import Iterator

import pytest

from tests.cluster.support.stack import Stack, connected, deployed_subject, kubectl


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    if not kubectl("get", "namespace", "monitoring", "--ignore-not-found"):
        pytest.skip("the cluster runs without monitoring")
    with connected() as stack:
        yield stack


@pytest.fixture(scope="session")
def subject(stack: Stack) -> Iterator[str]:  # noqa: ARG001  # it skips without monitoring
    with deployed_subject() as subject:
        yield subject
