"""A program that tells what it finds of a cluster that is too large for an environment, and what its children find."""

import json
import os
import subprocess
import sys

import estimator_runtime as er

READ = "import json, os; print(json.dumps({name: os.environ.get(name) for name in ('TF_CONFIG', 'ESTIMATOR_SPEC')}))"
JOIN = (
    "import estimator_runtime as er; config = er.RunConfig();"
    "print(config.task_type, config.task_id, config.num_ps_replicas)"
)


def child(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


seen = {name: os.environ.get(name) for name in ("TF_CONFIG", "ESTIMATOR_SPEC")}
config = er.RunConfig()
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(
        {
            "seen": seen,
            "cluster": config.cluster_spec.as_dict(),
            "task": [config.task_type, config.task_id],
            "child": json.loads(child(READ)),
            "child joins": child(JOIN),
        },
        file,
    )
