"""`spec` of an EstimatorJob."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from estimator_api import constants as c
from estimator_api.base import ApiModel, Keyed, Rule
from estimator_api.estimator import EstimatorSection, Seconds
from estimator_api.failure_policy import FailurePolicy
from estimator_api.immutability import IMMUTABLE_FIELDS, immutable, immutable_worker
from estimator_api.inputs import Input, nested_rule, taken_paths
from estimator_api.model_dir import ModelDir
from estimator_api.pod_fields import pod_field
from estimator_api.program import Code, Program
from estimator_api.roles import ChiefRole, EvaluatorRole, PsRole, WorkerRole
from estimator_api.strategy import MULTI_WORKER, Strategy
from estimator_api.strategy_rules import strategy_rules
from estimator_api.strings import (
    Image,
    ManagedBy,
)
from estimator_api.template_rules import containers, faults_of_roles, main_containers, template_rules

_ATOMIC = {"x-kubernetes-list-type": "atomic"}


class TensorBoard(ApiModel):
    """A TensorBoard beside the job, on its model directory."""

    enabled: bool = True
    """False: none."""
    image: Image | None = None
    """Image with the command `tensorboard`. Default: the job's image, else the operator's runtime image."""
    resources: dict[str, Any] | None = pod_field("resources")
    """Compute resources of its container; of the container beside it too, where a store's event files are brought (cpu,
    memory and ephemeral-storage)."""
    ttl_seconds_after_finished: Seconds | None = None
    """How long it stays when the job has ended. Absent: as long as the job."""


class Elastic(ApiModel):
    """Bounds for the number of workers of a job whose `worker.replicas` may change while it runs."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.minReplicas <= self.maxReplicas",
            message="elastic.minReplicas must be at most elastic.maxReplicas",
            field_path=".minReplicas",
            holds=lambda e: e.min_replicas <= e.max_replicas,
        ),
    )

    min_replicas: Annotated[int, Field(ge=0, le=1000, json_schema_extra={"format": "int32"})] = 0
    """Fewest workers."""
    max_replicas: Annotated[int, Field(ge=1, le=1000, json_schema_extra={"format": "int32"})]
    """Most workers. Every TF_CONFIG lists the addresses of that many from the start."""


class RunPolicy(ApiModel):
    """How long a job may run, how often it restarts, what stays when it has ended."""

    backoff_limit: Annotated[int, Field(ge=0, le=1000, json_schema_extra={"format": "int32"})] = 6
    """Counted restarts allowed over the whole job. Failures with one cause (reason and exit code) within a minute count
    once; evictions, preemptions and deleted pods never count. The evaluator has as many of its own: when they are used
    up the job goes on without it."""
    active_deadline_seconds: Annotated[Seconds, Field(ge=1)] | None = None
    """Longest running time; starts again when a suspended job is resumed."""
    clean_pod_policy: Literal["Running", "All", "None"] = "Running"
    """Pods deleted when the job has ended: those still running (finished ones stay for their logs), all, none."""
    ttl_seconds_after_finished: Seconds | None = None
    """Delete the job this long after it has ended."""
    evaluator_grace_seconds: Seconds = 600
    """How long to wait for the evaluator's last evaluation and export after the chief has ended."""
    pending_deadline_seconds: Annotated[Seconds, Field(ge=1)] | None = None
    """Longest time that a replica's pod may wait to run: for a node, a volume, an image, or for its creation to be
    allowed. The job fails after it."""
    stall_timeout_seconds: Annotated[Seconds, Field(ge=1)] | None = None
    """Longest time without a new global step while the chief runs. The job fails after it, once the chief has said
    again that it is at the same step; a chief that is not heard is no failure (condition ProgressUnknown). Evaluations and exports of a
    chief without an evaluator are no steps; modes Evaluate, Predict and Export have none to wait for."""
    lost_pod_timeout_seconds: Annotated[Seconds, Field(ge=1)] | None = None
    """Replaces a pod that is still there this long after its grace, deleting it by force, though nobody knows whether
    its node still runs it. Absent: only when the node is known to be gone. Two chiefs that run at once damage the model
    directory, so set it only where nodes that do not answer are switched off, or their volumes taken from them."""
    failure_policy: FailurePolicy | None = None
    """What is done about failures of replicas; the first rule that matches decides. Without one, exit code 78 fails
    the job, disruptions restart the replica and are not counted, everything else restarts it and counts."""


def _trains_with(role: str) -> Rule:
    """Only modes that train have replicas of this role."""
    return Rule(
        cel="!has(self.estimator) || self.estimator.mode in ['TrainAndEvaluate', 'Train']"
        f" || !has(self.{role}) || self.{role}.replicas == 0",
        message=f"modes Evaluate, Predict and Export run in the chief alone: remove `{role}`",
        field_path=f".{role}",
        holds=lambda s: s.estimator is None or s.estimator.trains or not s.replicas(role),
    )


_SEVERAL = (
    "self.worker.replicas > 0 || has(self.elastic) || (has(self.ps) && self.ps.replicas > 0)"
    " || (has(self.evaluator) && self.evaluator.replicas > 0)"
)
"""The job has more pods than the chief's."""
_ROLE_TEMPLATES = (
    "has(self.chief.template) || has(self.worker.template) || (has(self.ps) && has(self.ps.template))"
    " || (has(self.evaluator) && has(self.evaluator.template))"
)
_CONTAINERS = "has(self.template) && has(self.template.spec) && has(self.template.spec.containers)"
_SHARED = f"has(self.modelDir.uri) && ({_SEVERAL}) && !({_ROLE_TEMPLATES})"
"""Several pods use the model directory, and the shared template is all of them."""


class EstimatorJobSpec(ApiModel):
    """What to train, with what, and where the model goes."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.estimator) && has(self.program))",
            message="spec takes only one of estimator (declarative) and program (code of your own)",
            field_path=".program",
            holds=lambda s: s.estimator is None or s.program is None,
        ),
        Rule(
            cel="has(self.estimator) || has(self.program) || has(self.image) || has(self.template)",
            message="spec needs estimator or program, or an image or template whose own command runs",
            holds=lambda s: any(x is not None for x in (s.estimator, s.program, s.image, s.template)),
        ),
        Rule(
            cel="!has(self.estimator) || self.estimator.mode != 'TrainAndEvaluate'"
            " || !(has(self.elastic) || (has(self.worker) && self.worker.replicas > 0)"
            " || (has(self.ps) && self.ps.replicas > 0))"
            " || (has(self.evaluator) && self.evaluator.replicas > 0)",
            message="with workers or ps, mode TrainAndEvaluate needs an evaluator: add `evaluator: {}` or use mode Train",
            field_path=".evaluator",
            holds=lambda s: (
                s.estimator is None
                or s.estimator.mode != "TrainAndEvaluate"
                # The chief of an elastic job has a cluster even while there are no workers, and evaluates nothing.
                or not (s.elastic or s.replicas(c.WORKER) or s.replicas(c.PS))
                or s.replicas(c.EVALUATOR) > 0
            ),
        ),
        Rule(
            cel="!has(self.estimator) || self.estimator.mode == 'TrainAndEvaluate' || !has(self.evaluator)"
            " || self.evaluator.replicas == 0",
            message="only mode TrainAndEvaluate has an evaluator: remove `evaluator` or use that mode",
            field_path=".evaluator",
            holds=lambda s: (
                s.estimator is None or s.estimator.mode == "TrainAndEvaluate" or s.replicas(c.EVALUATOR) == 0
            ),
        ),
        _trains_with(c.WORKER),
        _trains_with(c.PS),
        Rule(
            cel="!has(self.elastic) || !has(self.estimator) || self.estimator.mode in ['TrainAndEvaluate', 'Train']",
            message="modes Evaluate, Predict and Export run in the chief alone: remove `elastic`",
            field_path=".elastic",
            holds=lambda s: s.elastic is None or s.estimator is None or s.estimator.trains,
            reason="FieldValueForbidden",
        ),
        Rule(
            cel="!has(self.elastic) || (self.worker.replicas >= self.elastic.minReplicas"
            " && self.worker.replicas <= self.elastic.maxReplicas)",
            message="must be between elastic.minReplicas and elastic.maxReplicas",
            field_path=".worker.replicas",
            holds=lambda s: (
                s.elastic is None or s.elastic.min_replicas <= s.worker.replicas <= s.elastic.max_replicas
            ),
        ),
        Rule(
            cel="has(self.managedBy) == has(oldSelf.managedBy)"
            " && (!has(self.managedBy) || self.managedBy == oldSelf.managedBy)",
            message="cannot change: delete the job and create it anew",
            field_path=".managedBy",
            reason="FieldValueForbidden",
        ),
        Rule(
            cel=f"has(self.estimator) || has(self.program) || has(self.image) || !has(self.template)"
            f" || {_ROLE_TEMPLATES} || ({_CONTAINERS} && self.template.spec.containers.exists(c,"
            " c.name == 'estimator' && (has(c.image) || has(c.command))))",
            message="nothing says what the replicas run: the container that trains is called `estimator` and needs an"
            " image or a command",
            field_path=".template.spec.containers",
            holds=lambda s: s.says_what_runs,
            admission=True,
        ),
        Rule(
            cel=f"!({_CONTAINERS}) || {_ROLE_TEMPLATES}"
            " || self.template.spec.containers.all(c, c.name == 'estimator' || has(c.image))",
            message="a container without an image is no sidecar: the container that trains is called `estimator`",
            field_path=".template.spec.containers",
            holds=lambda s: s.sidecars_have_images,
            admission=True,
        ),
        *strategy_rules(),
        *template_rules(),
        nested_rule(),
        Rule(
            cel=f"self.progressPort != {c.GRPC_PORT}",
            message=f"{c.GRPC_PORT} is the port of TensorFlow's servers: choose another",
            field_path=".progressPort",
            holds=lambda s: s.progress_port != c.GRPC_PORT,
            admission=True,
        ),
        Rule(
            cel=f"!({_SHARED}) || !self.modelDir.uri.startsWith('/')"
            f" || ({_CONTAINERS} && self.template.spec.containers.exists(c, c.name == 'estimator'"
            " && has(c.volumeMounts) && c.volumeMounts.exists(m, m.mountPath.endsWith('/')"
            " ? (self.modelDir.uri + '/').startsWith(m.mountPath) : self.modelDir.uri.startsWith(m.mountPath)"
            " && self.modelDir.uri.charAt(size(m.mountPath)) in ['', '/'])))",
            message="no volume is mounted there, so every replica would have a model directory of its own: mount one in"
            " container `estimator` of the template, or name a claim",
            field_path=".modelDir.uri",
            admission=True,
        ),
        Rule(
            # An image's own command may bring a TensorFlow that knows others.
            cel="!has(self.modelDir.uri) || !(has(self.estimator) || has(self.program))"
            f" || self.modelDir.uri.matches('^(/|({'|'.join(c.MODEL_DIR_SCHEMES)})://)')",
            message=f"no other scheme works here than {', '.join(f'{one}://' for one in c.MODEL_DIR_SCHEMES)}, and a path"
            " in a volume: TensorFlow 2.21 has no hdfs:// and no Hadoop client; copy the model to one of those stores,"
            " or mount it as a volume",
            field_path=".modelDir.uri",
            holds=lambda s: (
                s.model_dir.uri is None
                or (s.estimator is None and s.program is None)
                or s.model_dir.uri.startswith(("/", *(f"{one}://" for one in c.MODEL_DIR_SCHEMES)))
            ),
            admission=True,
        ),
        Rule(
            # Whether one is would cost the API server too much to find out, and the path says the same.
            cel=f"!has(self.modelDir.uri) || !self.modelDir.uri.startsWith('file:') || !({_SEVERAL})",
            message="a file: URI is a path in the pod, and as far as can be told no volume is mounted there: write the"
            " path itself, or name a claim",
            field_path=".modelDir.uri",
            admission=True,
        ),
        Rule(
            # Which volume the mount is of would cost the API server too much: with several volumes nobody asks.
            cel=f"!({_SHARED}) || !self.modelDir.uri.startsWith('/') || !({_CONTAINERS})"
            " || !has(self.template.spec.volumes) || size(self.template.spec.volumes) == 0"
            " || self.template.spec.volumes.exists(v, !has(v.emptyDir) && !has(v.ephemeral))",
            message="the volume mounted there is each pod's own, so every replica would have a model directory of its"
            " own: mount one that they share, or name a claim",
            field_path=".modelDir.uri",
            admission=True,
        ),
        Rule(
            cel="!has(self.modelDir.volumeClaimTemplate)"
            " || !('ReadWriteOncePod' in self.modelDir.volumeClaimTemplate.accessModes)"
            f" || !({_SEVERAL} || (has(self.tensorBoard) && self.tensorBoard.enabled))",
            message="only one pod may use a ReadWriteOncePod claim, and this job has several: use ReadWriteMany, or"
            " ReadWriteOnce to keep them on one node",
            field_path=".modelDir.volumeClaimTemplate.accessModes",
            holds=lambda s: (
                s.model_dir.volume_claim_template is None
                or "ReadWriteOncePod" not in s.model_dir.volume_claim_template.access_modes
                or not (s.has_several_pods or (s.tensor_board is not None and s.tensor_board.enabled))
            ),
            admission=True,
        ),
        Rule(
            cel="!has(self.modelDir.volumeClaimTemplate) || !has(oldSelf.modelDir.volumeClaimTemplate)"
            " || self.modelDir.volumeClaimTemplate == oldSelf.modelDir.volumeClaimTemplate",
            message="the claim is made once and keeps what it was made with: change the PersistentVolumeClaim"
            " <job>-model itself (its size can grow), or create the job anew",
            field_path=".modelDir.volumeClaimTemplate",
            reason="FieldValueForbidden",
        ),
        *immutable_worker(),
        *immutable(*IMMUTABLE_FIELDS),
    )

    estimator: EstimatorSection | None = None
    """The declarative Estimator: references to the model function and the input functions, which the job runner
    of the runtime image calls. At most one of estimator and program; with neither, the command of the image or of
    the template runs."""
    program: Program | None = None
    """A program of one's own that uses tf.estimator, run unchanged with TF_CONFIG set. At most one of estimator and
    program."""
    strategy: Strategy | None = None
    """How the tasks of a training work together. Absent: kind ParameterServer."""
    code: Code | None = None
    """Where the code comes from; absent when the image holds it."""
    image: Image | None = None
    """Image of the main container; a role's template may name another. Default: the template's, else the operator's
    runtime image (its GPU variant for roles that ask for nvidia.com/gpu)."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """Pull policy of the main container; a role's template may name another."""
    image_pull_secrets: list[dict[str, Any]] | None = pod_field("imagePullSecrets", max_length=32)
    """Secrets to pull images with, as in a pod; added to the template's."""
    model_dir: ModelDir
    """Where checkpoints, summaries and exports go: exactly one of uri, persistentVolumeClaim and
    volumeClaimTemplate."""
    inputs: Annotated[list[Input], Field(max_length=c.MAX_INPUTS), Keyed("path")] | None = None
    """Data that an init container brings into each pod before the program begins: whole, checked, and continued where a
    connection broke. Input functions then read local files."""
    chief: ChiefRole = Field(default=ChiefRole())
    """The chief, which saves checkpoints and summaries and decides when training ends. There is always exactly
    one; this section says what it asks for beyond the template."""
    worker: WorkerRole = Field(default=WorkerRole(replicas=0))
    """Workers: replicas that compute training steps beside the chief. Absent: none; `worker: {}` is one."""
    ps: PsRole | None = None
    """Parameter servers: replicas that hold the variables. Absent: none; `ps: {}` is one."""
    evaluator: EvaluatorRole | None = None
    """The evaluator, which evaluates checkpoints and exports models while the others train. Absent: none;
    `evaluator: {}` is one. Mode TrainAndEvaluate needs it beside workers or parameter servers."""
    template: dict[str, Any] | None = pod_field("template")
    """Pod template shared by all roles. Its main container is called `estimator` and need not be there; other
    containers, volumes and everything else are kept as they are. What says more of a replica wins: fields of a role,
    the role's template, fields of spec such as image, this template, the operator's defaults. What the operator
    alone decides is refused: restartPolicy, hostname, subdomain, the pod contract's variables, labels, ports and
    mounts, and a command beside `estimator` or `program`."""
    pod_security: Literal["Restricted", "Platform"] | None = None
    """Restricted: the main container runs as user 1000 and volumes get group 1000, unless the template says otherwise.
    Platform: user and group are left to the platform, as OpenShift wants it, and to the image. Default: what the
    operator was started with, Restricted unless somebody changed it. In both cases the main container gives up root
    and all capabilities unless the template says otherwise; other containers are left as they are."""
    elastic: Elastic | None = None
    """Lets `worker.replicas` change while the job runs, by hand, `kubectl scale` or an autoscaler. Workers join and
    leave while the others train; a worker scaled away is no failure. Input is not sharded by the number of workers
    then, for RunConfig's num_worker_replicas is maxReplicas."""
    tensor_board: TensorBoard | None = None
    """A TensorBoard pod and its Service `<job>-tensorboard`, owned by the job. Absent: none; `tensorBoard: {}` is
    one."""
    managed_by: ManagedBy | None = None
    """The controller that runs the job; default estimator.dev/estimator-operator. This operator does nothing about a
    job that names another one. Cannot change."""
    suspend: bool = False
    """True deletes the pods after they have saved a checkpoint; false again continues from it. While the job is
    suspended, everything in its spec may change."""
    run_policy: RunPolicy = Field(default=RunPolicy())
    """How long the job may run, how often it restarts, and what stays when it has ended."""
    progress_port: Annotated[int, Field(ge=1024, le=65535, json_schema_extra={"format": "int32"})] = (
        c.PROGRESS_PORT
    )
    """Port on which every replica serves /progress, /metrics and /healthz."""

    @property
    def is_managed_here(self) -> bool:
        """Whether this operator is the one that runs the job."""
        return self.managed_by in (None, c.CONTROLLER_NAME)

    def role(self, name: str) -> ChiefRole | WorkerRole | PsRole | EvaluatorRole | None:
        """The section of role `name`, or None when the job has none."""
        return {c.CHIEF: self.chief, c.WORKER: self.worker, c.PS: self.ps, c.EVALUATOR: self.evaluator}[name]

    def replicas(self, name: str) -> int:
        """How many replicas of role `name` the job asks for."""
        role = self.role(name)
        if role is None:
            return 0
        return 1 if isinstance(role, ChiefRole) else role.replicas

    @property
    def has_several_pods(self) -> bool:
        """The job has, or may get, more replicas than the chief."""
        return self.elastic is not None or any(self.replicas(name) for name in (c.WORKER, c.PS, c.EVALUATOR))

    @property
    def is_synchronous(self) -> bool:
        """Chief and workers make every step together, so that none of them can start again alone."""
        return self.strategy is not None and self.strategy.kind == MULTI_WORKER

    @property
    def says_what_runs(self) -> bool:
        """Something names a program, an image or a command; what the roles' templates say is not looked into."""
        if any(one is not None for one in (self.estimator, self.program, self.image)) or not self.template:
            return True
        return self._has_role_templates or any(
            one.get("image") or one.get("command") for one in main_containers(self.template)
        )

    @property
    def sidecars_have_images(self) -> bool:
        """Every container of the template but the main one has an image."""
        return self._has_role_templates or all(
            one.get("image") or one.get("name") == c.CONTAINER for one in containers(self.template or {})
        )

    @property
    def _has_role_templates(self) -> bool:
        roles = (self.role(name) for name in c.ROLES)
        return any(role is not None and role.template is not None for role in roles)

    def faults(self) -> Iterable[Rule]:
        """What is wrong with the roles' templates, and with what lies at the paths of inputs."""
        return (*faults_of_roles(self), *taken_paths(self))
