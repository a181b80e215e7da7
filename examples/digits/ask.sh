#!/usr/bin/env bash
# Asks an exported digits model on the cluster for ten held-out digits.
# Usage: ask.sh pvc://CLAIM/PATH   (the uri of an export in the job's status)
set -euo pipefail
uri=$1
[[ $uri == pvc://*/* ]] || { echo "ask.sh: '$uri' is no pvc://claim/path" >&2; exit 2; }
claim=${uri#pvc://}
path=${claim#*/}
claim=${claim%%/*}
image=${RUNTIME_IMAGE:-$(kubectl get pod -l estimator.dev/job-name=digits,estimator.dev/role=chief \
  -o jsonpath='{.items[0].spec.containers[?(@.name=="estimator")].image}')}
kubectl delete pod digits-ask --ignore-not-found --wait >/dev/null
kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata:
  name: digits-ask
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  securityContext:
    {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: ask
      image: $image
      imagePullPolicy: IfNotPresent
      command: [python, /code/ask.py, /model/$path]
      env:
        - {name: PYTHONPATH, value: /code}
        - {name: TF_CPP_MIN_LOG_LEVEL, value: "3"}
      securityContext:
        {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts:
        - {name: model, mountPath: /model, readOnly: true}
        - {name: code, mountPath: /code}
  volumes:
    - name: model
      persistentVolumeClaim: {claimName: $claim}
    - name: code
      configMap:
        name: digits-code
        items:
          - {key: ask.py, path: ask.py}
          - {key: __init__.py, path: digits/__init__.py}
          - {key: data.py, path: digits/data.py}
          - {key: digits.csv.gz, path: digits/digits.csv.gz}
YAML
kubectl wait --for=jsonpath='{.status.phase}'=Succeeded pod/digits-ask --timeout 90s >/dev/null ||
  { kubectl logs digits-ask >&2; kubectl describe pod digits-ask >&2; exit 1; }
kubectl logs digits-ask
kubectl delete pod digits-ask --wait=false >/dev/null
