"""The template's resources in the cluster: a message, a function, a table."""

from collections.abc import Iterator

import pytest

from support.project import write_project
from support.waiting import wait_until
from tests.cluster.conftest import CreateWorkspace
from tests.cluster.support.orders import FILES, Orders
from tests.cluster.support.workspace import DEADLINE, Tilt, output

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def orders(
    tmp_path_factory: pytest.TempPathFactory, create_workspace: CreateWorkspace
) -> Iterator[Orders]:
    project = tmp_path_factory.mktemp("orders")
    write_project(project, FILES)
    workspace = create_workspace(project)
    with Tilt(workspace) as tilt:
        assert "aws" in tilt.statuses()  # because the template needs it
        yield Orders(workspace)


def kubectl(orders: Orders, *arguments: str) -> None:
    output("kubectl", "--namespace", orders.workspace.namespace, *arguments)


def test_message_reaches_the_function_and_its_item_the_table(orders: Orders) -> None:
    orders.send("a")

    wait_until(lambda: orders.get("a"), "the item", DEADLINE)
    wait_until(lambda: orders.get("a streamed"), "the record of the stream", DEADLINE)


def test_messages_during_a_rollout_are_delivered_and_each_record_once(orders: Orders) -> None:
    names = [str(number) for number in range(30)]
    before = orders.workspace.pods()
    kubectl(orders, "rollout", "restart", "deployment/function")
    for name in names:
        orders.send(name)

    def is_replaced() -> bool:
        after = orders.workspace.pods()
        return bool(after) and not after.keys() & before.keys()

    wait_until(is_replaced, "another pod", DEADLINE)
    orders.send("last")

    for name in (*names, "last"):
        item = wait_until(lambda: orders.get(f"{name} streamed"), f"record {name}", DEADLINE)  # noqa: B023  # at once
        assert item["streamed"] == 1, name


def test_restarted_emulator_gets_its_resources_again(orders: Orders) -> None:
    kubectl(orders, "delete", "pod", "--selector", "app.kubernetes.io/name=aws")

    def is_delivered() -> bool:
        try:
            orders.send("again")
        except Exception:  # noqa: BLE001  # the emulator or the queue is missing
            return False
        return bool(orders.get("again"))

    wait_until(is_delivered, "the message", DEADLINE)
