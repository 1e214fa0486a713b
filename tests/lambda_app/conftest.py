import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# The code root, as on AWS.
sys.path.insert(0, str(Path(__file__).parents[2] / "lambda_app"))

# Tilt runs these tests at low priority. On a busy machine, examples are generated slowly.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# After a save in Tilt. `make unit` and CI run 100 examples of each property.
settings.register_profile("save", settings.get_profile("busy"), max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "busy"))
