"""
Custom resources that a function of the template creates: one Create event for each new emulator.

The function sends its response to a URL of the admin port, and not to S3 as on AWS.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-requesttypes-create.html
"""

import uuid
from functools import partial
from typing import Any

from lambda_live.events.poller import PollerContext, as_json, invoke
from lambda_live.functions.request_queue import RejectedError, ServiceStoppingError
from lambda_live.model.invocation import Invocation, Result
from lambda_live.model.resources import EventSource


class CustomResources:
    """Invokes the functions, and receives their responses."""

    def __init__(self, context: PollerContext, url: str) -> None:
        """`url` is where `receive` gets its responses from."""
        self._context = context
        self._url = url
        self._responses: dict[str, dict[str, Any] | None] = {}

    def receive(self, request_id: str, response: dict[str, Any]) -> bool:
        """Accept a response; return whether its request is running."""
        if request_id not in self._responses:
            return False
        self._responses[request_id] = response
        return True

    async def create(self, source: EventSource) -> dict[str, Any] | None:
        """Return the attributes of a custom resource; log a failure, and return None."""
        request_id = str(uuid.uuid4())
        self._responses[request_id] = None
        create = partial(
            Invocation,
            as_json(self._event(source, request_id)),
            qualifier=source.qualifier,
            label=f"Create {source.name}",
            source={"custom resource": source.name},
        )
        try:
            result = await invoke(self._context, source.target, create)
            problem = _problem(result, self._responses[request_id])
        except RejectedError as error:
            problem = f"was not invoked: {error}"
        except ServiceStoppingError:
            return None
        finally:
            response = self._responses.pop(request_id) or {}
        if problem:
            message = f"{source.name} was not created: {source.target} {problem}"
            self._context.log(f"{source.place}: {message}", "ERROR")
            return None
        data = response.get("Data")
        return data if isinstance(data, dict) else {}

    def _event(self, source: EventSource, request_id: str) -> dict[str, Any]:
        account = self._context.aws.account
        stack = f"cloudformation:{account.region}:{account.account_id}:stack/local/local"
        return {
            "RequestType": "Create",
            "ServiceToken": source.settings["ServiceToken"],
            "ResponseURL": f"{self._url}/{request_id}",
            "StackId": f"arn:{account.partition}:{stack}",
            "RequestId": request_id,
            "LogicalResourceId": source.name,
            "ResourceType": source.source,
            "ResourceProperties": source.settings,
        }


def _problem(result: Result, response: dict[str, Any] | None) -> str:
    """Return why a resource was not created, or an empty text."""
    if result.error_type is not None:
        return f"failed with {result.error_type}"
    if response is None:
        return "sent no response to ResponseURL"
    if response.get("Status") != "SUCCESS":
        return f"reported {response.get('Reason') or 'no reason'}"
    return ""
