"""The environment of a pod's main container, and the code that it finds."""

from __future__ import annotations

import json

import pytest
from job_builder import ESTIMATOR
from job_pods import env, main, pod, templated


def test_environment():
    found = env(pod("worker-1", 2, progressPort=9000))
    assert json.loads(found.pop("ESTIMATOR_SPEC"))["train"] == ESTIMATOR["train"]
    config = json.loads(found.pop("TF_CONFIG"))
    assert config["task"] == {"type": "worker", "index": 1}
    assert config["cluster"]["ps"] == ["digits-ps-0.digits.team.svc:2222"]
    assert found == {
        "ESTIMATOR_JOB_NAME": "digits",
        "ESTIMATOR_JOB_UID": "job-uid",
        "ESTIMATOR_NAMESPACE": "team",
        "ESTIMATOR_ROLE": "worker",
        "ESTIMATOR_INDEX": "1",
        "ESTIMATOR_ATTEMPT": "2",
        "ESTIMATOR_MODEL_DIR": "/models/digits",
        "ESTIMATOR_PROGRESS_PORT": "9000",
    }


def test_strategy_of_a_declarative_job():
    strategy = {"kind": "MultiWorkerMirrored", "communication": {"timeoutSeconds": 600}}
    said = env(pod("worker-0", ps=0, strategy=strategy))["ESTIMATOR_STRATEGY"]
    assert json.loads(said) == strategy | {"communication": {"implementation": "Auto", "timeoutSeconds": 600}}
    program = {"estimator": None, "program": {"module": "trainer.task"}}
    of_program = env(pod("worker-0", ps=0, strategy={"kind": "MultiWorkerMirrored"}, **program))
    assert "ESTIMATOR_STRATEGY" not in of_program, "a program makes its own"


def test_json_survives_the_expansion_of_variables():
    estimator = ESTIMATOR | {"params": {"pattern": "$(HOME) costs $5"}}
    value = env(pod(estimator=estimator))["ESTIMATOR_SPEC"]
    assert "$$(HOME) costs $$5" in value
    assert json.loads(value.replace("$$", "$"))["params"]["pattern"] == "$(HOME) costs $5"


def test_environment_of_template_and_role():
    found = pod(
        "worker-0",
        worker={"env": [{"name": "B", "value": "role"}]},
        **templated({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "template"}]}),
    )
    assert env(found)["A"] == "1"
    assert env(found)["B"] == "role"
    order = list(env(found))
    assert order.index("ESTIMATOR_MODEL_DIR") < order.index("A"), "so that A may use $(ESTIMATOR_MODEL_DIR)"


@pytest.mark.parametrize(
    ("template", "role", "order"),
    [
        (["LIBS", "PYTHONPATH"], [], ["LIBS", "PYTHONPATH"]),
        (["A", "B", "C"], ["B"], ["A", "B", "C"]),
        (["A", "B"], ["NEW", "B"], ["A", "NEW", "B"]),
        (["A", "B"], ["LAST"], ["A", "B", "LAST"]),
        (["A", "B"], ["A", "NEW"], ["A", "B", "NEW"]),
        (["A"], ["PYTHONPATH"], ["A", "PYTHONPATH"]),
    ],
)
def test_variables_keep_their_order_so_that_references_resolve(template, role, order):
    """Kubernetes expands `$(NAME)` only from variables listed before."""
    code = {"code": {"configMap": {"name": "c"}}} if "PYTHONPATH" in order else {}
    env_of = [[{"name": one, "value": one} for one in some] for some in (template, role)]
    found = pod("worker-0", worker={"env": env_of[1]}, **code, **templated({"env": env_of[0]}))
    assert [name for name in env(found) if name in order] == order
    overlay = {"template": {"spec": {"containers": [{"name": "estimator", "env": env_of[1]}]}}}
    found = pod("worker-0", worker=overlay, **code, **templated({"env": env_of[0]}))
    assert [name for name in env(found) if name in order] == order


@pytest.mark.parametrize(
    ("mine", "path"),
    [
        ([], {"name": "PYTHONPATH", "value": "/code"}),
        ([{"name": "PYTHONPATH", "value": "/lib"}], {"name": "PYTHONPATH", "value": "/code:/lib"}),
        (
            [{"name": "PYTHONPATH", "valueFrom": {"fieldRef": {}}}],
            {"name": "PYTHONPATH", "valueFrom": {"fieldRef": {}}},
        ),
    ],
)
def test_code_is_on_the_python_path(mine, path):
    found = pod(code={"configMap": {"name": "digits-code"}}, **templated({"env": mine}))
    assert path in main(found)["env"]
    assert {"name": "estimator-code", "mountPath": "/code", "readOnly": True} in main(found)["volumeMounts"]
    assert {"name": "estimator-code", "configMap": {"name": "digits-code"}} in found["spec"]["volumes"]


def test_code_with_paths():
    items = [{"key": "model", "path": "digits/model.py"}]
    found = pod(code={"configMap": {"name": "digits-code", "items": items}})
    assert found["spec"]["volumes"] == [
        {"name": "estimator-code", "configMap": {"name": "digits-code", "items": items}}
    ]
