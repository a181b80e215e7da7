-- Health of an EstimatorJob for Argo CD: resource.customizations.health.estimator.dev_EstimatorJob in argocd-cm.
-- A job that trains is healthy, so that a sync does not wait for the end of training.
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" then
    found[condition.type] = condition
  elseif condition.type == "Ready" then
    found.NotReady = condition
  end
end

local function health(name, condition)
  local message = condition.message
  if message == nil or message == "" then
    message = condition.reason
  end
  return {status = name, message = message}
end

-- What has ended stays as it is, whatever is changed in its spec.
if found.Failed then
  return health("Degraded", found.Failed)
end
if found.Complete then
  return health("Healthy", found.Complete)
end
if status.observedGeneration == nil or status.observedGeneration < (obj.metadata.generation or 0) then
  return {status = "Progressing", message = "The operator has not looked at this version of the job yet"}
end
if found.Stalled then
  return health("Degraded", found.Stalled)
end
if found.Suspended then
  return health("Suspended", found.Suspended)
end
if found.Reconciling or not found.Ready then
  return health("Progressing", found.Reconciling or found.NotReady or {reason = "The job has no condition Ready"})
end
-- Training goes on without an evaluator, unheard, and while the store is away; the message tells.
return health("Healthy", found.EvaluatorDegraded or found.ModelDirBehind or found.ProgressUnknown or found.Ready)
