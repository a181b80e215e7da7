"""managedBy: jobs that another controller runs are left alone altogether."""

from __future__ import annotations

import pytest
from job_builder import failed_pod, make_job, make_pod, plan_of, seen, training, with_status

from estimator_operator.plan import Observed


@pytest.mark.parametrize("observed", [Observed(), seen(make_pod("chief-0")), seen(failed_pod("chief-0", 78))])
@pytest.mark.parametrize("status", [{}, training(make_job()).status])
def test_hands_off(observed, status):
    job = with_status(make_job(managedBy="kueue.x-k8s.io/multikueue", tensorBoard={}), status)
    made = plan_of(job, observed)
    assert made.status is job.status
    assert (made.create_pods, made.delete_pods, made.delete_job, made.events) == ((), (), False, ())
    assert (made.create_service, made.create_claim, made.create_tensorboard_service) == (None, None, None)
    assert made.requeue_after is None


@pytest.mark.parametrize("managed_by", [None, "estimator.dev/estimator-operator"])
def test_hands_on(managed_by):
    assert len(plan_of(make_job(managedBy=managed_by), Observed()).create_pods) == 5
