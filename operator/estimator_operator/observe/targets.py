"""Which pods are asked for their progress: the running chief and evaluator of every job that has not ended.

Only pods that the job controls are asked, by address (no name is looked up, no redirect followed), and only at
addresses that belong to pods (`kube/pod_address.py`). Addresses are used again: where two pods seem to have the same
one, the younger has it, and the older is not asked, lest one job's progress be told of another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from estimator_api import InvalidJobError
from estimator_api import constants as c
from estimator_operator.control.store import Store
from estimator_operator.kube.pod_address import Network, may_ask
from estimator_operator.kube.pod_summary import PodRecord
from estimator_operator.observe.poller import Target


def targets_of(store: Store, networks: Sequence[Network] = ()) -> Iterator[Target]:
    """The pods to ask now.

    Args:
        store: What is known.
        networks: The only networks in which pods are asked; empty for all but dangerous addresses.
    """
    newest: dict[str, str] = {}
    found: list[tuple[Target, str]] = []
    for record in store:
        if record.finished or record.deleting or not record.managed:
            continue
        pods = store.pod_records(record)
        for one in pods:
            if one.pod.ip and not one.host_network:
                newest[one.pod.ip] = max(newest.get(one.pod.ip, ""), _age(one))
        asked = [one for one in pods if _reports(one) and _is_safe(one, networks)]
        if not asked:
            continue
        try:
            port = record.job().spec.progress_port
        except InvalidJobError:
            continue
        for one in asked:
            pod = one.pod
            target = Target(job=record.key, uid=pod.uid, replica=pod.replica, host=str(pod.ip), port=port)
            found.append((target, _age(one)))
    for target, age in found:
        if newest.get(target.host, age) == age:
            yield target


def _reports(one: PodRecord) -> bool:
    """Its chief or evaluator runs; workers and ps know nothing that these do not, and TensorBoard is no replica."""
    pod = one.pod
    reports = pod.replica.index == 0 and pod.replica.role in (c.CHIEF, c.EVALUATOR)
    return reports and pod.phase == "Running" and pod.exit_code is None


def _is_safe(one: PodRecord, networks: Sequence[Network]) -> bool:
    ip = one.pod.ip
    return ip is not None and may_ask(ip, host_network=one.host_network, networks=networks)


def _age(one: PodRecord) -> str:
    """Sorts pods by age, the youngest last."""
    created = one.pod.created_at
    return "" if created is None else created.isoformat()
