"""The Lambda function: what ships to AWS, and nothing else."""
