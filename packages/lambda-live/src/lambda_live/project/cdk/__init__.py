"""
Reads the cloud assembly that `cdk synth` writes.

In: the folder `cdk.out`. Out: its templates, and the folders that its assets were copied from.
Imports `project.document`, `code`, `dependencies` and `model`.
"""
