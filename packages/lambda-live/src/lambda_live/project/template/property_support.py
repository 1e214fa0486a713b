"""
Which properties and resources of a template have an effect here.

A property that has an effect on AWS but not here is reported. Unknown properties are reported as
well, because AWS rejects them.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lambda_live.project.document import load_table
from lambda_live.project.template.application import Application
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.stack import FUNCTIONS, MACRO, Resource, Stack

type _Names = Mapping[str, "_Names"]
"""Property names as a tree: a name leads to the names below it, `*` stands for any name."""


def _tree(value: Any) -> _Names:
    """Return the names in a text, in the items of a list, or in a mapping by their parents."""
    if isinstance(value, str):
        return {name: {} for name in value.split()}
    if isinstance(value, list):
        return {name: below for item in value for name, below in _tree(item).items()}
    return {name: _tree(below) for name, below in value.items()}


_KNOWN = _tree(load_table(Path(__file__).with_name("property_names.yaml")))
_SIMILARITY = 0.7

_FUNCTION_REPORTS = {
    "CapacityProviderConfig": (
        "the capacity provider is not emulated: each environment runs one invocation at a time"
    ),
    "DurableConfig": "durable execution is not supported: an invocation runs once, from the start",
    "FileSystemConfigs": "file systems are not mounted: the handler sees this machine's files",
    "SnapStart": "SnapStart is not supported: each environment runs its init",
}
SAM_API_REPORTS = {
    "CanarySetting": "canaries are not emulated: all requests reach the same code",
    "GatewayResponses": "gateway responses are not applied: errors have AWS's default responses",
    "Policy": "the resource policy is not enforced: requests from anywhere pass",
}
_REPORTS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(FUNCTIONS, _FUNCTION_REPORTS),
    "AWS::Serverless::Api": SAM_API_REPORTS,
    "AWS::ApiGateway::RestApi": {"Policy": SAM_API_REPORTS["Policy"]},
}
_AUTH_REPORTS = {"ResourcePolicy": SAM_API_REPORTS["Policy"]}

_UNSUPPORTED_TYPES = {
    "AWS::ApiGateway::GatewayResponse": SAM_API_REPORTS["GatewayResponses"],
    "AWS::Serverless::GraphQLApi": "GraphQL APIs are not supported; invoke its functions by name",
    "AWS::Serverless::WebSocketApi": (
        "WebSocket APIs are not supported; invoke its functions by name"
    ),
    **dict.fromkeys(
        ("AWS::Lambda::MicroVMImage", "AWS::Serverless::MicroVMImage"),
        "images of Lambda MicroVMs are not supported",
    ),
    **dict.fromkeys(
        ("AWS::Lambda::WebFunction", "AWS::Serverless::WebFunction"),
        "web functions are not supported; start its web server yourself",
    ),
    MACRO: "macros are not supported; write its result instead",
}


def skip_unsupported(application: Application) -> None:
    """Skip the resources that would receive events on AWS, but not here."""
    for each in application.by_type(*_UNSUPPORTED_TYPES):
        each.skip(_UNSUPPORTED_TYPES[each.type])


def report_properties(each: Resource) -> None:
    """Report the properties that are unknown, or that have no effect here but have on AWS."""
    _report_unknown(each.properties, _KNOWN["resources"].get(each.type, {}))
    if each.type in FUNCTIONS:
        for _, event in each.properties.section("Events").sections():
            names = {"Type": {}, "Properties": _KNOWN["events"].get(event.text("Type") or "", {})}
            _report_unknown(event, names)
    if each.type in _REPORTS:
        report(each.properties, _REPORTS[each.type])
        report(each.properties.section("Auth"), _AUTH_REPORTS)


def report(properties: Properties, reports: Mapping[str, str]) -> None:
    """Report the keys that have no effect here, with the reasons in `reports`."""
    for key, problem in reports.items():
        is_off = key == "SnapStart" and properties.section(key).text("ApplyOn") == "None"
        if key in properties and not is_off:
            properties.note(key, f"{key} has no effect: {problem}")


def report_sections(stack: Stack) -> None:
    """Report the unknown keys of a template, of its `Globals` and of its resources."""
    _report_unknown(Properties(stack.document.root, stack), _KNOWN["template"])
    for section, names in _KNOWN["not-in-globals"].items():
        general = stack.globals_for(section)
        for key in filter(names.__contains__, general.raw):
            general.note(key, f"AWS rejects {key} in Globals; write it below each resource")


def _report_unknown(properties: Properties, names: _Names) -> None:
    """Report the keys that AWS does not know, also those below known ones."""
    for key in properties.raw if names else ():
        if key.startswith("Fn::") or key == "Ref":
            continue
        if key not in names and "*" not in names:
            near = get_close_matches(key, names, 1, _SIMILARITY)
            hint = f"did you mean {near[0]}?" if near else "it has no effect here"
            properties.note(key, f"unknown property {key}; {hint}")
        if below := names.get(key, names.get("*", {})):
            for each in properties.nested(key):
                _report_unknown(each, below)
