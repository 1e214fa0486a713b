"""Benchmarks of lambda_live and its alternatives: `make bench`."""
