"""
Layers that others publish for everybody: which package on PyPI is what each of them brings.

https://docs.aws.amazon.com/powertools/python/latest/getting-started/install/#lambda-layer
https://aws-sdk-pandas.readthedocs.io/en/stable/layers.html
"""

import re

_LAYER = r"arn:aws[\w-]*:lambda:[\w-]+:{account}:layer:{name}:\d+"
_POWERTOOLS = re.compile(
    _LAYER.format(account="017000801446", name=r"AWSLambdaPowertoolsPython(?:V(\d))?[\w-]*")
)
_NEWEST_POWERTOOLS = re.compile(r"\{\{resolve:ssm:/aws/service/powertools/python/[^}]+\}\}")
_PANDAS = re.compile(
    _LAYER.format(account="336392948345", name=r"(?:AWSSDKPandas|AWSDataWrangler)-Python[\w-]*")
)


def requirement_of(layer: str) -> str | None:
    """Return what pip installs in place of a layer; None if it is not known."""
    if powertools := _POWERTOOLS.fullmatch(layer):
        return _powertools(int(powertools[1] or 1))
    if _NEWEST_POWERTOOLS.fullmatch(layer):
        return _powertools(3)
    return "awswrangler" if _PANDAS.fullmatch(layer) else None


def _powertools(major: int) -> str:
    """Return the newest of a major version: a layer's own number does not tell which it is."""
    extras = "[all]" if major > 1 else ""
    return f"aws-lambda-powertools{extras}>={major},<{major + 1}"
