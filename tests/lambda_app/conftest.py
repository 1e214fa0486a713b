import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# The code root, as on AWS.
sys.path.insert(0, str(Path(__file__).parents[2] / "lambda_app"))

# Tilt runs these tests at low priority. On a busy machine, examples are generated slowly.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
