import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[3])
if ROOT not in sys.path:  # `bench` is no part of the package
    sys.path.append(ROOT)
