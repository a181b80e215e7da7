"""`python -m estimator_operator`: flags, log, exit status."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from typing import Final

from estimator_operator.errors import OperatorError, SettingsError
from estimator_operator.log_format import set_up_logging
from estimator_operator.process import Operator
from estimator_operator.settings import OperatorSettings, read_settings

_GARBAGE: Final = (20_000, 20, 20)
"""Objects until the garbage is looked for, and rounds of that until older objects are looked through, too. Decoded JSON
is made and dropped all the time and holds no cycles: Python's own 700 objects cost an eighth of the time of a burst."""


def main() -> int:
    """Runs the operator; 0 after a signal, 1 when something went wrong, 2 for wrong settings."""
    try:
        settings = read_settings(sys.argv[1:])
    except SettingsError as error:
        print(f"estimator_operator: {error}", file=sys.stderr)  # noqa: T201  (there is no log yet)
        return 2
    set_up_logging(settings.log_format, settings.log_level)
    gc.freeze()  # modules stay: nobody need look through them again
    gc.set_threshold(*_GARBAGE)
    try:
        asyncio.run(_serve(settings))
    except OperatorError as error:
        logging.getLogger("estimator_operator").critical("%s", error, exc_info=error.__cause__)
        return 1
    return 0


async def _serve(settings: OperatorSettings) -> None:
    # Built inside the loop: what it holds of asyncio belongs to it.
    await Operator(settings).run()


if __name__ == "__main__":
    sys.exit(main())
