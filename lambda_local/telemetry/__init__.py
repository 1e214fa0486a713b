"""What is told of the function: the log and the metrics."""
