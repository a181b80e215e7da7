"""The job runner: what `python -m estimator_runtime.job` does in a pod, as docs/pod-contract.md has it."""
