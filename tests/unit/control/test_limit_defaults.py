"""A request above a limit that the namespace sets by default waits for people; one above the template's own never comes right."""

from __future__ import annotations

import pytest
from fake_api import status_error
from fake_operator import FakeOperator
from job_world import World

from estimator_operator.control.limit_defaults import above_default_limit

CPU = (
    'Pod "mnist-chief-0" is invalid: spec.containers[0].resources.requests: Invalid value: "2": '
    "must be less than or equal to cpu limit of 1"
)
BOTH = (
    'Pod "p" is invalid: [spec.containers[0].resources.requests: Invalid value: "1Gi": must be less than or equal to '
    'memory limit of 64Mi, spec.initContainers[0].resources.requests: Invalid value: "2": must be less than or equal '
    "to cpu limit of 1]"
)
NODE = CPU.replace("spec.con", "[spec.con") + ', spec.nodeName: Invalid value: "A": must be lower case]'


def template(**resources: dict[str, str]) -> dict[str, object]:
    return {"spec": {"containers": [{"name": "estimator", "resources": resources}]}}


@pytest.mark.parametrize("verb", ["dry-run", "create"])
async def test_a_default_limit_below_the_request_is_told_and_ends_when_it_is_lifted(
    world: World, operator: FakeOperator, verb: str
) -> None:
    world.api.fail(verb, "pods", status_error(422, "Invalid", CPU), times=10**6)
    world.submit(template=template(requests={"cpu": "2"}))
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    assert world.condition("Ready")["message"] == CPU
    assert world.condition("Failed")["status"] == "False"
    world.api.heal()
    await operator.pass_(20)
    assert world.pods == ["mnist-chief-0"]


async def test_a_request_above_the_template_s_own_limit_fails_the_job(
    world: World, operator: FakeOperator
) -> None:
    world.api.fail("create", "pods", status_error(422, "Invalid", CPU), times=10**6)
    world.submit(template=template(requests={"cpu": "2"}, limits={"cpu": "1"}))
    await operator.pass_(5)
    assert world.condition("Failed")["reason"] == "InvalidSpec"


@pytest.mark.parametrize(
    ("message", "own", "waits"),
    [
        (CPU, {"requests": {"cpu": "2"}, "limits": {"memory": "1Gi"}}, True),
        (CPU, {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}, False),
        (CPU, None, True),
        (CPU.replace("[0]", "[7]"), {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}, True),
        (BOTH, {"requests": {"memory": "1Gi", "cpu": "2"}}, True),
        (BOTH, {"requests": {"memory": "1Gi"}, "limits": {"memory": "64Mi"}}, False),
        (NODE, {"requests": {"cpu": "2"}}, False),
        ('Pod "p" is invalid: spec.nodeName: Invalid value: "A"', {}, False),
        ("nothing of the kind", {}, False),
    ],
)
def test_only_what_the_manifest_does_not_say_itself_can_be_lifted(
    message: str, own: dict[str, object] | None, waits: bool
) -> None:
    container = {"name": "estimator", "resources": own}
    manifest = {"spec": {"containers": [container], "initContainers": [container]}}
    found = above_default_limit(manifest, status_error(422, "Invalid", message))
    assert (found is not None) is waits
    assert found is None or found.message == message
