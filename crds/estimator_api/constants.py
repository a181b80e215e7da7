"""Every name that the resource, the operator, the pods and the command line must agree on.

Labels, annotations, condition types and reasons are part of the API: they change only with the API version.
"""

from __future__ import annotations

from typing import Final

GROUP: Final = "estimator.dev"
"""API group of the resource and domain of all own labels."""
VERSION: Final = "v1alpha1"
"""The one version served and stored."""
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "EstimatorJob"
PLURAL: Final = "estimatorjobs"
SINGULAR: Final = "estimatorjob"
SHORT_NAME: Final = "ej"
CATEGORY: Final = "estimator"
MAX_NAME_LENGTH: Final = 40
"""Longest job name: `<job>-evaluator-0-r<n>` and the DNS label limit of 63 decide it."""

# Labels and annotations -------------------------------------------------------------------------------------
LABEL_JOB_NAME: Final = f"{GROUP}/job-name"
"""On every object that belongs to a job; the operator's pod watch selects on it."""
LABEL_ROLE: Final = f"{GROUP}/role"
"""chief, worker, ps or evaluator."""
LABEL_INDEX: Final = f"{GROUP}/index"
"""Index of the replica within its role."""
LABEL_ATTEMPT: Final = f"{GROUP}/attempt"
"""How many times the replica had been restarted when this pod was made; 0 for the first."""
ANNOTATION_SPEC_HASH: Final = f"{GROUP}/spec-hash"
"""On every pod: hash of what of the spec it was made from."""
ANNOTATION_PINNED: Final = f"{GROUP}/pinned"
"""On every pod: what the operator's flags gave when the job began (JSON): runtimeImage, runtimeImageGpu, clusterDomain."""
LABEL_APP_NAME: Final = "app.kubernetes.io/name"
LABEL_APP_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_APP_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_APP_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
APP_NAME: Final = "estimator-job"
CONTROLLER_NAME: Final = f"{GROUP}/estimator-operator"
"""This operator in `spec.managedBy`; jobs that name another controller are left to it."""
MANAGED_BY: Final = "estimator-operator"

# Roles ------------------------------------------------------------------------------------------------------
CHIEF: Final = "chief"
WORKER: Final = "worker"
PS: Final = "ps"
EVALUATOR: Final = "evaluator"
ROLES: Final = (CHIEF, WORKER, PS, EVALUATOR)
"""All roles in the order in which they are listed to people."""

TENSORBOARD: Final = "tensorboard"
"""Role label and component of the TensorBoard pod. It is no replica: nothing waits for it and nothing fails of it."""
TENSORBOARD_PORT: Final = 6006

# Pods -------------------------------------------------------------------------------------------------------
CONTAINER: Final = "estimator"
"""Name of the main container."""
GRPC_PORT: Final = 2222
"""Port of the TensorFlow server in every replica of the cluster."""
GRPC_PORT_NAME: Final = "tf-grpc"
PROGRESS_PORT: Final = 8787
"""Default port of `/progress`, `/metrics` and `/healthz`."""
PROGRESS_PORT_NAME: Final = "progress"
MODEL_MOUNT_PATH: Final = "/model"
CODE_MOUNT_PATH: Final = "/code"
MODEL_VOLUME: Final = "estimator-model"
CODE_VOLUME: Final = "estimator-code"

ENV_TF_CONFIG: Final = "TF_CONFIG"
"""TensorFlow's own description of cluster, task and model_dir (JSON)."""
ENV_SPEC: Final = "ESTIMATOR_SPEC"
"""`spec.estimator` as JSON; set for declarative jobs only."""
ENV_JOB_NAME: Final = "ESTIMATOR_JOB_NAME"
ENV_JOB_UID: Final = "ESTIMATOR_JOB_UID"
"""Uid of the job; by it a restarted chief knows the `finished` marker as its own job's."""
ENV_NAMESPACE: Final = "ESTIMATOR_NAMESPACE"
ENV_ROLE: Final = "ESTIMATOR_ROLE"
ENV_INDEX: Final = "ESTIMATOR_INDEX"
ENV_ATTEMPT: Final = "ESTIMATOR_ATTEMPT"
ENV_MODEL_DIR: Final = "ESTIMATOR_MODEL_DIR"
ENV_PROGRESS_PORT: Final = "ESTIMATOR_PROGRESS_PORT"
ENV_PROGRESS_HOST: Final = "ESTIMATOR_PROGRESS_HOST"
"""Address to serve progress on; default all interfaces."""
ENV_TERMINATION_LOG: Final = "ESTIMATOR_TERMINATION_LOG"
"""File for the final progress document; default `/dev/termination-log`."""
DEFAULT_TERMINATION_LOG: Final = "/dev/termination-log"
MAX_TERMINATION_BYTES: Final = 4096
"""What the kubelet keeps of a termination message."""

EXIT_CONFIG: Final = 78
"""EX_CONFIG: what no retry can mend (a reference that does not import, wrong arguments, another model's
checkpoint). The job fails at once."""
EXIT_SIGTERM: Final = 143
"""Ended by SIGTERM after a checkpoint was saved (128 + 15)."""

# Conditions -------------------------------------------------------------------------------------------------
READY: Final = "Ready"
"""The job does what it should at this moment: trains, evaluates, is suspended, or has completed."""
RECONCILING: Final = "Reconciling"
"""Abnormal-true (kstatus): the cluster is still being brought to the desired state."""
STALLED: Final = "Stalled"
"""Abnormal-true (kstatus): no progress is possible without a person."""
COMPLETE: Final = "Complete"
FAILED: Final = "Failed"
SUSPENDED: Final = "Suspended"
EVALUATOR_DEGRADED: Final = "EvaluatorDegraded"
"""The evaluator ran out of restarts; training goes on without it."""
PROGRESS_UNKNOWN: Final = "ProgressUnknown"
"""Abnormal-true: `stallTimeoutSeconds` are over, but the chief is not heard, so nobody knows whether it trains."""

# Reasons of conditions (and of events, where an event marks the transition) ----------------------------------
REASON_PODS_PENDING: Final = "PodsPending"
REASON_PODS_NOT_READY: Final = "PodsNotReady"
"""The job was at work, all its pods run, and at least one of them is no longer ready."""
REASON_TRAINING: Final = "Training"
REASON_EVALUATING: Final = "Evaluating"
"""The chief has ended and the evaluator is awaited; or the job is of mode Evaluate, and at work."""
REASON_PREDICTING: Final = "Predicting"
"""A job of mode Predict is at work."""
REASON_EXPORTING: Final = "Exporting"
"""A job of mode Export is at work."""
REASON_RESTARTING: Final = "Restarting"
REASON_SUSPENDING: Final = "Suspending"
REASON_SUSPENDED: Final = "Suspended"
REASON_RESUMED: Final = "Resumed"
REASON_COMPLETED: Final = "Completed"
REASON_RUNNING: Final = "Running"
"""Of Complete=False, Failed=False and Suspended=False: nothing of the kind has happened."""
REASON_INVALID_SPEC: Final = "InvalidSpec"
REASON_BACKOFF_LIMIT_EXCEEDED: Final = "BackoffLimitExceeded"
REASON_DEADLINE_EXCEEDED: Final = "DeadlineExceeded"
REASON_CONFIGURATION_ERROR: Final = "ConfigurationError"
"""A replica ended with exit code 78: what it was asked to do cannot work, no retry mends it."""
REASON_POD_CREATION_FORBIDDEN: Final = "PodCreationForbidden"
REASON_PENDING_DEADLINE_EXCEEDED: Final = "PendingDeadlineExceeded"
"""A replica's pod did not run within `pendingDeadlineSeconds`."""
REASON_TRAINING_STALLED: Final = "TrainingStalled"
"""No new global step within `stallTimeoutSeconds`."""
REASON_NOT_HEARD: Final = "NotHeard"
"""The chief's pod answers no poll of its progress."""
REASON_FAIL_JOB_RULE: Final = "FailJobRule"
"""A failure matched a rule of the failure policy with the action FailJob."""
REASON_MODEL_DIR_UNAVAILABLE: Final = "ModelDirUnavailable"
"""The claim of the model directory does not exist or can never be bound."""
REASON_EXPORT_FAILED: Final = "ExportFailed"
"""Mode Export could not make its exports."""
REASON_NOTHING_TRAINED: Final = "NothingTrained"
"""Event: the job has completed, but its model directory was already at the last step."""
REASON_SCALED: Final = "Scaled"
"""Event: an elastic job has another number of workers."""
REASON_EVALUATOR_FAILED: Final = "EvaluatorFailed"
