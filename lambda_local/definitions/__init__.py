"""What the functions are, by their template and their requirements, and that it may change."""
