"""Whom containers run as, and what they may do."""

from __future__ import annotations

import pytest
from job_builder import SETTINGS, make_job, replica

from estimator_operator.plan import Settings
from estimator_operator.plan.pods import pod_manifest

RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
ROOT = {"runAsUser": 0}


def spec_of(job, settings=SETTINGS):
    """The spec of the chief's pod."""
    return pod_manifest(job, replica("chief-0"), 0, settings)["spec"]


def job_of(container=None, pod=None, *, others=(), init=(), **spec):
    """A job whose template has these security contexts."""
    main = {"name": "estimator", **({"securityContext": container} if container is not None else {})}
    template = {"containers": [main, *others], "initContainers": list(init)}
    if pod is not None:
        template["securityContext"] = pod
    return make_job(template={"spec": template}, **spec)


def main_context(spec):
    """The security context of the main container."""
    return spec["containers"][0]["securityContext"]


@pytest.mark.parametrize(
    ("container", "pod", "expected"),
    [
        (None, None, {"runAsUser": 1000, "runAsNonRoot": True, **RESTRICTED}),
        ({"runAsUser": 7}, None, {"runAsUser": 7, "runAsNonRoot": True, **RESTRICTED}),
        (None, {"runAsUser": 7}, {"runAsNonRoot": True, **RESTRICTED}),
        (None, {"runAsNonRoot": True}, {"runAsUser": 1000, **RESTRICTED}),
        (None, {"runAsNonRoot": False}, {"runAsUser": 1000, **RESTRICTED}),
        (None, ROOT, RESTRICTED),
        (ROOT, None, {**ROOT, **RESTRICTED}),
        (ROOT, {"runAsNonRoot": True}, {**ROOT, "runAsNonRoot": False, **RESTRICTED}),
        ({"privileged": True}, None, {"privileged": True}),
        (
            {"capabilities": {"add": ["SYS_PTRACE"]}},
            None,
            {
                "runAsUser": 1000,
                "runAsNonRoot": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"add": ["SYS_PTRACE"]},
            },
        ),
    ],
)
def test_the_main_container_is_restricted_where_the_template_is_silent(container, pod, expected):
    assert main_context(spec_of(job_of(container, pod))) == expected


@pytest.mark.parametrize("context", [None, ROOT, {"runAsUser": 7}, {"runAsNonRoot": True}])
def test_other_containers_keep_their_own_user(context):
    """An init container that runs as root is not forbidden to, and one without a user gets its image's."""
    other = {"name": "other", "image": "other:1"} | ({"securityContext": context} if context else {})
    spec = spec_of(job_of(others=[other], init=[other]))
    assert spec["containers"][1] == other
    assert spec["initContainers"] == [other]
    assert not {"runAsUser", "runAsGroup", "runAsNonRoot"} & spec["securityContext"].keys()


def test_what_the_template_says_of_the_whole_pod_is_kept():
    context = {"runAsUser": 7, "runAsNonRoot": True, "fsGroup": 8, "seccompProfile": {"type": "Unconfined"}}
    assert spec_of(job_of(pod=context))["securityContext"] == context


@pytest.mark.parametrize(
    ("assign_user", "job", "assigned"),
    [
        (True, None, True),
        (True, "Restricted", True),
        (True, "Platform", False),
        (False, None, False),
        (False, "Restricted", True),
        (False, "Platform", False),
    ],
)
def test_user_and_group_can_be_left_to_the_platform(assign_user, job, assigned):
    spec = spec_of(make_job(podSecurity=job), Settings(assign_user=assign_user))
    assert ("fsGroup" in spec["securityContext"]) == assigned
    assert ("runAsUser" in main_context(spec)) == assigned
    assert main_context(spec)["runAsNonRoot"], "the platform's user is not root either"
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize(
    ("template", "policy"),
    [
        ({"hostNetwork": True}, "ClusterFirstWithHostNet"),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirst"}, "ClusterFirstWithHostNet"),
        ({"hostNetwork": True, "dnsPolicy": "None"}, "None"),
        ({"dnsPolicy": "ClusterFirst"}, "ClusterFirst"),
        ({"hostNetwork": False}, None),
        ({}, None),
    ],
)
def test_pods_on_the_network_of_the_node_resolve_the_names_of_the_others(template, policy):
    assert spec_of(make_job(template={"spec": template})).get("dnsPolicy") == policy
