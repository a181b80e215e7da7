"""Waits for an EstimatorJob to end and prints its states: `wait_for_job.py NAMESPACE NAME SECONDS`.

Exit status 0 when it completed. Uses nothing but the standard library and the pod's ServiceAccount.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

ACCOUNT = os.environ.get("SERVICE_ACCOUNT_DIR", "/var/run/secrets/kubernetes.io/serviceaccount")


def events(namespace, name, seconds):
    """Objects as the API server reports them: the present one first, then every change."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    query = urllib.parse.urlencode(
        {"watch": "true", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": seconds}
    )
    with open(f"{ACCOUNT}/token", encoding="ascii") as file:
        request = urllib.request.Request(
            f"https://{host}:{port}/apis/estimator.dev/v1alpha1/namespaces/{namespace}/estimatorjobs?{query}",
            headers={"Authorization": f"Bearer {file.read().strip()}"},
        )
    trust = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    with urllib.request.urlopen(request, context=trust, timeout=seconds + 10) as answer:
        for line in answer:
            event = json.loads(line)
            if event["type"] in ("ADDED", "MODIFIED"):
                yield event["object"]


def main(namespace, name, seconds):
    """Returns the exit status."""
    shown = None
    for job in events(namespace, name, int(seconds)):
        status = job.get("status", {})
        conditions = {one["type"]: one for one in status.get("conditions", ())}
        ready = conditions.get("Ready", {"reason": "not seen by the operator yet", "message": ""})
        state = f"{ready['reason']} (step {status.get('progress', {}).get('globalStep', '-')}): {ready['message']}"
        if state != shown:
            shown = state
            print(state, flush=True)
        for verdict, code in (("Complete", 0), ("Failed", 1)):
            if conditions.get(verdict, {}).get("status") == "True":
                return code
    print(f"{namespace}/{name} did not end within {seconds} seconds", flush=True)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except urllib.error.HTTPError as error:
        sys.exit(f"the API server answers {error.code}: {error.read(1000).decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"the API server cannot be asked: {error}")
