"""
The data that every other package exchanges: functions, routes, invocations, results, errors.

It holds values and small rules about them (an ARN, a trace header), and does no I/O.
It imports nothing else of lambda_live.
"""
