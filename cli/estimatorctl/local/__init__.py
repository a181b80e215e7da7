"""Local runs: a job's pods as processes of this machine, decided on by the operator's own plan.

manifest of a pod -> launch (pure) -> child (process) -> pods (what the plan sees) -> run (the loop)
"""
