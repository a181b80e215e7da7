"""One pod of each kind that the spec describes is judged before the first is created, once per version of the spec."""

from __future__ import annotations

import pytest
from fake_api import status_error
from fake_operator import FakeOperator
from job_world import FIVE_PODS, World

from estimator_operator.plan.template_path import told_by_place

TEMPLATE = {"spec": {"nodeSelector": {"disk": "fast"}}}

TYPO = (
    'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.nodeSelektor"'
)


async def test_a_typo_in_one_role_is_found_before_a_pod_of_another_runs(world: World, operator: FakeOperator):
    world.api.fail(
        "dry-run",
        "pods",
        status_error(400, "BadRequest", TYPO),
        times=10**6,
        matches=lambda name: "evaluator" in name,
    )
    overlay = {"spec": {"nodeSelektor": {"disk": "fast"}}}
    world.submit(**{**FIVE_PODS, "evaluator": {"replicas": 1, "template": overlay}})
    await operator.pass_(5)
    assert world.pods == []
    assert world.api.calls["create pods"] == world.api.calls["create services"] == 0
    ready = world.condition("Ready")
    assert ready["reason"] == "InvalidSpec"
    assert "spec.nodeSelektor" in ready["message"]
    assert ready["message"].startswith("spec.evaluator.template.spec.nodeSelektor: "), (
        "in which of four templates the typo is, the path in the pod does not tell"
    )


@pytest.mark.parametrize(
    ("spec", "words", "place"),
    [
        (
            {
                "worker": {
                    "replicas": 1,
                    "template": {
                        "spec": {"containers": [{"name": "s"}, {"name": "estimator", "resorces": {}}]}
                    },
                }
            },
            'unknown field "spec.containers[0].resorces"',
            "spec.worker.template.spec.containers[1].resorces",
        ),
        (
            {"template": {"spec": {"nodeName": "A B"}}},
            'Pod "x" is invalid: spec.nodeName: Invalid value',
            "spec.template.spec.nodeName",
        ),
        (
            {"ps": {"resources": {"limits": {"cpu": "x"}}}},
            "quantities must match the regular expression",
            "spec.ps",
        ),
    ],
    ids=["a role's template", "the shared template", "a role's field"],
)
def test_a_fault_of_a_pod_is_told_by_its_place_in_the_spec(spec, words, place):
    role = next((one for one in ("worker", "ps") if one in spec), "chief")
    pod = {
        "metadata": {"labels": {"estimator.dev/role": role}},
        "spec": {"containers": [{"name": "estimator"}, {"name": "s"}]},
    }
    assert told_by_place(spec, pod, words) == f"{place}: {words}"


async def test_there_is_one_for_each_role_that_is_described_and_none_for_a_restart(world, operator):
    gpu = {"resources": {"limits": {"nvidia.com/gpu": 1}}}
    world.submit(
        chief=gpu,
        worker={"replicas": 50, "template": TEMPLATE},
        ps={"replicas": 3, "tolerations": [{"key": "x", "operator": "Exists"}]},
        evaluator={"replicas": 1, "env": [{"name": "A", "value": "b"}]},
    )
    await operator.settle()
    assert world.api.calls["dry-run pods"] == 4
    world.run()
    world.finish("mnist-worker-3", 1, "boom")
    await operator.pass_(30)
    assert "mnist-worker-3-r1" in world.pods
    assert world.api.calls["dry-run pods"] == 4


@pytest.mark.parametrize(("template", "samples"), [(None, 0), (TEMPLATE, 1)], ids=["none", "shared"])
async def test_roles_of_which_the_spec_says_the_same_are_one_kind(world, operator, template, samples):
    """Without a template the pods are the operator's own work: there is nothing that a dry run could find."""
    world.submit(**FIVE_PODS, **({} if template is None else {"template": template}))
    await operator.settle()
    assert len(world.pods) == 5
    assert world.api.calls["dry-run pods"] == samples


async def test_a_changed_spec_is_judged_anew(world, operator):
    world.submit(suspend=True, template=TEMPLATE)
    await operator.settle()
    world.set_spec(suspend=False)
    await operator.settle()
    assert world.api.calls["dry-run pods"] == 1
    world.set_spec(suspend=True)
    await operator.settle()
    world.collect()
    await operator.settle()
    world.set_spec(suspend=False, image="trainer:2")
    await operator.settle()
    assert world.pods == ["mnist-chief-0"]
    assert world.api.calls["dry-run pods"] == 2


async def test_a_quota_that_refuses_the_dry_run_is_told_and_lifted(world, operator):
    world.api.fail("dry-run", "pods", status_error(403, "Forbidden", "exceeded quota"), times=10**6)
    world.submit(template=TEMPLATE)
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    assert world.api.calls["create pods"] == 0
    world.api.heal()
    await operator.pass_(6)
    assert world.pods == ["mnist-chief-0"]


@pytest.mark.parametrize(
    "error",
    [
        status_error(400, "BadRequest", 'admission webhook "w" does not support dry run'),
        status_error(409, "AlreadyExists", 'pods "mnist-chief-0" already exists'),
    ],
    ids=["webhook with side effects", "exists"],
)
async def test_what_says_nothing_about_the_pod_is_no_refusal(world, operator, error):
    world.api.fail("dry-run", "pods", error, times=10**6)
    world.submit(template=TEMPLATE)
    await operator.settle()
    assert world.pods == ["mnist-chief-0"]
