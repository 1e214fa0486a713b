"""Tests import the repository's modules, such as `lambda_app`."""

import site
import sys
from pathlib import Path

# after the standard library, because a module of the repository may be called queue or asyncio
sys.path.insert(sys.path.index(site.getsitepackages()[0]), str(Path(__file__).parent))
