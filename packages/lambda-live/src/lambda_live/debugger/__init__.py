"""
One debugger port for each function. It stays the same from process to process.

In: an editor's connection (Debug Adapter Protocol). Out: a connection to the function's process.
Imports no other package of lambda_live.
"""
