"""The controller of EstimatorJobs."""

from typing import Final

__version__: Final = "0.1.0"
"""The project's version, as in pyproject.toml: images hold the code alone, no metadata of a distribution."""
