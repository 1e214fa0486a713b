import sys
from pathlib import Path

# The code root, as on AWS.
sys.path.insert(0, str(Path(__file__).parents[2] / "lambda_app"))
