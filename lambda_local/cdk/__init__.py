"""What AWS CDK writes: a cloud assembly, of templates and of copies of the functions' code."""
