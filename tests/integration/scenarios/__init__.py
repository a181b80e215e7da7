"""Black-box scenarios: what people and clusters do to a job, and what the job's status says then.

One operator serves them all; each has a namespace and a kubelet of its own. They run side by side, because a life of
a job is mostly waiting.
"""
