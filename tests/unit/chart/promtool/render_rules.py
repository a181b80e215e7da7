"""Writes the alerts of two releases, and their tests, into a folder for promtool, which is no dependency of ours:

python tests/unit/chart/promtool/render_rules.py build/promtool && promtool test rules build/promtool/two_releases.yaml
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2])]

from rendered_chart import render, the  # noqa: E402  (a program of its own, not a module of the tests)

ON = {"metrics": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}}


def main(folder: Path) -> None:
    """Renders both releases."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "two_releases.yaml", folder)
    for namespace in ("a", "b"):
        objects = render(ON, "--api-versions=monitoring.coreos.com/v1", "--namespace", namespace, release="r")
        rules = the("PrometheusRule", objects)["spec"]
        (folder / f"{namespace}.rules.yaml").write_text(json.dumps(rules))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
