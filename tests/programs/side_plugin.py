"""A pytest plugin that both sides load before any test file: it makes a side ready for a library as it is.

It gives the stand-ins that the catalogue asks for. Here it calls `compat.install()`, as the job runner does before a program. On both sides it parses absl's flags, which
absl's own runner would have done.
"""

import importlib.util
import os
import sys

import stand_ins
from absl import flags
from absl.testing import absltest  # noqa: F401  defines the flags of test directories

if importlib.util.find_spec("estimator_runtime") is not None:
    from estimator_runtime import compat

    compat.install()

for name in os.environ["PROGRAMS_STAND_INS"].split():
    stand_ins.ALL[name]()

flags.FLAGS(sys.argv[:1])
