"""What a CloudFormation or SAM template says of the functions: the one source for them all."""
