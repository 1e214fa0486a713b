"""The template's resources in the cluster: a message, a function, a table."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from support.project import write_project
from support.waiting import wait_until
from tests.cluster.conftest import CreateWorkspace
from tests.cluster.support.workspace import DEADLINE, Tilt, Workspace, output

pytestmark = pytest.mark.cluster

FILES = {
    "template.yaml": """
Transform: AWS::Serverless-2016-10-31
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: worker
      Runtime: python3.12
      CodeUri: worker
      Handler: app.handler
      Environment: {Variables: {TABLE: !Ref Orders}}
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Incoming.Arn}}
        Stream:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Orders.StreamArn, StartingPosition: TRIM_HORIZON}
  Incoming: {Type: AWS::SQS::Queue, Properties: {QueueName: incoming}}
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: orders
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
""",
    "worker/app.py": """
import os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    for record in event["Records"]:
        if "body" in record:
            table.put_item(Item={"id": record["body"]})
        else:
            key = record["dynamodb"]["Keys"]["id"]["S"]
            count = "ADD streamed :one"
            if not key.endswith(" streamed"):
                table.update_item(
                    Key={"id": key + " streamed"},
                    UpdateExpression=count,
                    ExpressionAttributeValues={":one": 1},
                )
""",
    "worker/requirements.txt": "boto3\n",
}


class Orders:
    """The queue and the table, through the port that Tilt forwards."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        options: dict[str, str] = {
            "endpoint_url": f"http://127.0.0.1:{workspace.ports['AWS_PORT']}",
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        self._sqs: Any = boto3.client("sqs", **options)
        self._table: Any = boto3.resource("dynamodb", **options).Table("orders")

    def send(self, body: str) -> None:
        url = self._sqs.get_queue_url(QueueName="incoming")["QueueUrl"]
        self._sqs.send_message(QueueUrl=url, MessageBody=body)

    def get(self, key: str) -> Any:
        return self._table.get_item(Key={"id": key}).get("Item")


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


def test_restarted_engine_gets_its_resources_again(orders: Orders) -> None:
    kubectl(orders, "delete", "pod", "--selector", "app.kubernetes.io/name=aws")

    def is_delivered() -> bool:
        try:
            orders.send("again")
        except Exception:  # noqa: BLE001  # the engine or the queue is missing
            return False
        return bool(orders.get("again"))

    wait_until(is_delivered, "the message", DEADLINE)
