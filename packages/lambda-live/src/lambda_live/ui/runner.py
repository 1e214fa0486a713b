"""Invoking functions for the page: new events, reruns and replays."""

import asyncio

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import NotInvokedError
from lambda_live.model.invocation import Invocation
from lambda_live.ui.history import History
from lambda_live.ui.rows import MAX_BODY_BYTES, InvocationRow, format_size

UI_CLIENT = "page"
"""The client name of invocations that a person starts on the page."""


class ApiError(Exception):
    """A request to the page's API failed; the message is for the person at the page."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def invoke(
    functions: FunctionRegistry, history: History, function: str, invocation: Invocation
) -> InvocationRow:
    """Run an invocation and return its row of the history. Raises ApiError."""
    found = functions.get(function)
    if found is None:
        raise ApiError(409, f"Function {function!r} not found.")
    try:
        await found.invoke(invocation)
    except NotInvokedError as error:
        raise ApiError(409, str(error)) from error
    row = history.find_request(invocation.request_id)
    if row is None:
        raise ApiError(409, "The invocation finished, but its response is too large to keep.")
    return row


async def rerun(
    functions: FunctionRegistry, history: History, row: InvocationRow, client: str
) -> InvocationRow:
    """Run the event of an earlier invocation again. Raises ApiError."""
    event = await asyncio.to_thread(history.whole_body, row, "event")
    if event is None:
        size, limit = format_size(row.event.size), format_size(MAX_BODY_BYTES)
        message = f"Only the first {limit} of this event ({size}) are left: newer ones replaced it."
        raise ApiError(409, message)
    invocation = Invocation(
        event,
        client_context=row.client_context,
        tenant_id=row.tenant_id,
        label=row.label,
        client=client,
    )
    return await invoke(functions, history, row.function, invocation)
