"""
The AWS resources of a template, in an emulator on this machine.

In: the resources and event sources of a template. Out: a running emulator with these resources, and
clients for it. Every call to the emulator is a call of AWS's own API through boto3, so any other
emulator can take its place. May import `project`, `dependencies`, `telemetry`, `model` and
`background`. Nothing here is imported for a project without resources.
"""
