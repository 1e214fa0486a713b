"""
Properties of a function whose names are nearly those that are read.

Source: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
"""

from difflib import get_close_matches

from lambda_live.project.template.resources import Resource, Resources

_READ = (
    *("Architectures", "Code", "CodeUri", "DeadLetterConfig", "DeadLetterQueue", "Environment"),
    *("EventInvokeConfig", "Events", "FunctionName", "FunctionUrlConfig", "Handler", "ImageConfig"),
    *("ImageUri", "Layers", "PackageType"),
    *("LoggingConfig", "MemorySize", "ReservedConcurrentExecutions", "Runtime", "Timeout"),
)
_NEARLY = 0.8


def note_misspelt(resources: Resources, function: Resource) -> None:
    """Tell of each: AWS refuses one, and here it would be without effect."""
    for key in function.properties.raw:
        near = get_close_matches(key, _READ, 1, _NEARLY)
        if near and near[0] != key:
            place = f"{resources.document.path}:{function.properties.line(key)}"
            sentence = f"{place}: {key} is no property of a function; is {near[0]} meant?"
            resources.note(place, sentence)
