"""A function that stores messages in a table, and counts the records of the table's stream."""

from typing import Any

import boto3

from tests.cluster.support.workspace import Workspace

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
      Timeout: 30
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
import time
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    received = time.time()
    for record in event["Records"]:
        if "body" in record:
            table.put_item(Item={"id": record["body"], "received": str(received)})
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
