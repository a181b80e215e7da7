"""The same plays with people and controllers who do what nobody should: to labels, finalizers and specs.

What is edited is told to the operators as the API server tells it: a pod that loses the label that watches select by is
deleted for them, and runs on. A job that is suspended, edited and resumed between two looks is seen as a whole.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import rule
from job_invariants import is_deleting
from job_machine import JobMachine

from estimator_api import constants as c
from estimator_operator.kube.resources import JOBS, PODS

EDITS = {
    c.LABEL_JOB_NAME: (None,),
    c.LABEL_ROLE: (None, "worker", "nonsense"),
    c.LABEL_INDEX: (None, "1", "9" * 30),
    c.LABEL_ATTEMPT: (None, "7", "9" * 30),
}
HOLDER = "example.com/held"
CALLS_MOST = 4
"""Deletions of one pod at one moment; more are hammering. A call that failed or met a change may be tried again."""


class HostileJobMachine(JobMachine):
    """One job in a cluster whose people edit what is the operator's."""

    def __init__(self) -> None:
        super().__init__()
        self.alone = True
        self.edits = 0
        self._deletions: Counter[tuple[str, float]] = Counter()

    # People -------------------------------------------------------------------------------------------------
    @rule(data=st.data(), label=st.sampled_from(sorted(EDITS)))
    def somebody_edits_a_label(self, data: st.DataObject, label: str) -> None:
        self._count()
        name, value = self._pick(data, "Pending", "Running"), data.draw(st.sampled_from(EDITS[label]))
        if name is not None:
            self._label(name, label, value)

    @rule(data=st.data())
    def somebody_restores_the_labels(self, data: st.DataObject) -> None:
        self._count()
        name = self._pick(data, "Pending", "Running", "Succeeded", "Failed")
        if name is not None:
            self._restore(name)

    @rule(times=st.integers(1, 2))
    def the_spec_is_edited_unseen(self, times: int) -> None:
        """Suspended, edited and resumed before any operator has looked."""
        self._count()
        if not self.world.api.names(JOBS) or self.final or self.world.job["spec"].get("suspend"):
            return
        for _ in range(times):
            self.edits += 1
            self.world.set_spec(suspend=True)
            self.world.set_spec(image=f"trainer-{self.edits}")
            self.world.set_spec(suspend=False)

    @rule(data=st.data())
    def somebody_holds_a_pod(self, data: st.DataObject) -> None:
        """A finalizer of somebody else's: the pod stays when its containers have ended and it was deleted."""
        self._count()
        name = self._pick(data, "Pending", "Running", "Succeeded", "Failed")
        if name is not None:
            self.world.api.edit(PODS, name, lambda pod: pod["metadata"].update(finalizers=[HOLDER]))

    @rule()
    def somebody_lets_all_pods_go(self) -> None:
        self._count()
        self._let_go()

    # The cluster --------------------------------------------------------------------------------------------
    def _collect(self, *, lost: bool) -> None:
        """Containers end, and then the pods that nobody holds."""
        for name in self.world.pods:
            pod = self._pod(name)
            held = pod["metadata"].get("finalizers")
            gone = lost or pod["metadata"]["uid"] not in self.stuck
            if held and gone and is_deleting(pod) and pod["status"]["phase"] in ("Pending", "Running"):
                self.world.finish(name, 143)
        super()._collect(lost=lost)

    def _let_go(self) -> None:
        for name in self.world.pods:
            pod = self._pod(name)
            if pod["metadata"].pop("finalizers", None) and is_deleting(pod):
                self.world.api.remove(PODS, "default", name, now=pod["status"]["phase"] != "Running")

    def _label(self, name: str, label: str, value: str | None) -> None:
        def change(pod: dict) -> None:
            labels = pod["metadata"]["labels"]
            if value is None:
                labels.pop(label, None)
            else:
                labels[label] = value

        self.world.api.edit(PODS, name, change)

    def _restore(self, name: str) -> None:
        parts = name.split("-")
        attempt = parts[3].removeprefix("r") if len(parts) > 3 else "0"
        true = {
            c.LABEL_JOB_NAME: "mnist",
            c.LABEL_ROLE: parts[1],
            c.LABEL_INDEX: parts[2],
            c.LABEL_ATTEMPT: attempt,
        }
        if true.items() - self._pod(name)["metadata"]["labels"].items():
            self.world.api.edit(PODS, name, lambda pod: pod["metadata"]["labels"].update(true))

    # What must hold -----------------------------------------------------------------------------------------
    def _before(self, *call: str) -> None:
        verb, resource, name = call
        # With two that believe to lead, one with an old plan may make an old pod once more: it goes again.
        self.alone = self.alone and len(self.operators) == 1
        if self.alone:
            self.laws.note(self.laws.check_generations)
        if verb in ("delete", "force") and resource == "pods" and not self.world.api.down:
            key = (name, self.world.clock.monotonic())
            self._deletions[key] += 1
            most = CALLS_MOST * len(self.operators)
            if self._deletions[key] > most and not self.world.api._faults:
                self.laws.break_(f"{name} is deleted again and again")
        super()._before(*call)

    def _come_to_rest(self) -> None:
        self._let_go()
        for name in self.world.pods:
            self._restore(name)
        super()._come_to_rest()

    def _look_again(self) -> None:
        super()._look_again()
        self.laws.check_generations()
        if not self.final:
            wanted = self.world.job["spec"]["image"]
            assert {pod["spec"]["containers"][0]["image"] for pod in self.laws.live_pods()} <= {wanted}
