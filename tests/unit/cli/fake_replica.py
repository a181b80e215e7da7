"""A program that keeps the pod contract without TensorFlow, told by signals what to do.

    SIGTERM   save the step, exit 143
    SIGUSR1   finish: the chief at its last step
    SIGUSR2   fail with exit code 3 and a line that says why

Of a mode that does not train (the job's own, in ESTIMATOR_SPEC) it reports at once what that mode makes, and has no
step. Otherwise it counts as trained what the file `step` in the model directory says, plus ten. With GRANDCHILD set it starts a
process that never ends; the pids of all are in `<replica>.pids`.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

TOLD = {signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
signal.pthread_sigmask(signal.SIG_BLOCK, TOLD)

ROLE, INDEX = os.environ["ESTIMATOR_ROLE"], int(os.environ["ESTIMATOR_INDEX"])
MODEL_DIR = Path(os.environ["ESTIMATOR_MODEL_DIR"])
STEP = MODEL_DIR / "step"
LAST_STEP = 100
MODE = json.loads(os.environ.get("ESTIMATOR_SPEC", "{}")).get("mode", "TrainAndEvaluate")
EVALUATION = {"globalStep": LAST_STEP, "metrics": {"accuracy": 0.975}}
EXPORTS = [{"name": "best", "path": f"{MODEL_DIR}/export/best/1", "globalStep": LAST_STEP}]


def checkpoint(step):
    return {"path": f"{MODEL_DIR}/model.ckpt-{step}", "globalStep": step}


def main():
    MODEL_DIR.mkdir(parents=True, exist_ok=True)
    restored = int(STEP.read_text()) if STEP.exists() else None
    progress = {
        "version": 1,
        "role": ROLE,
        "index": INDEX,
        "state": "Training",
        "globalStep": (restored or 0) + 10,
        "maxSteps": LAST_STEP,
        "loss": 0.5,
    }
    if restored is not None:
        progress["restoredFrom"] = checkpoint(restored)

    made = {
        "Evaluate": {"state": "Evaluating", "evaluation": EVALUATION},
        "Predict": {
            "state": "Predicting",
            "predictions": {"path": f"{MODEL_DIR}/predictions/moths", "examples": 360},
        },
        "Export": {"state": "Exporting", "exports": EXPORTS},
    }.get(MODE)
    if made is not None:
        progress = {name: progress[name] for name in ("version", "role", "index")} | made

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(progress).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    pids = [os.getpid()]
    if os.environ.get("GRANDCHILD"):
        sleeper = [sys.executable, "-S", "-c", "import signal; signal.pause()"]
        pids.append(subprocess.Popen(sleeper).pid)
    (MODEL_DIR / f"{ROLE}-{INDEX}.pids").write_text(json.dumps(pids))
    server = HTTPServer(("127.0.0.1", int(os.environ["ESTIMATOR_PROGRESS_PORT"])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("TF_CONFIG", os.environ["TF_CONFIG"], flush=True)
    told = signal.sigwait(TOLD)
    code = {signal.SIGTERM: 143, signal.SIGUSR1: 0, signal.SIGUSR2: 3}[told]
    if ROLE == "chief" and code != 3 and made is None:
        if code == 0:
            progress["globalStep"] = LAST_STEP
        STEP.write_text(str(progress["globalStep"]))
        progress["checkpoint"] = checkpoint(progress["globalStep"])
    if ROLE == "evaluator" and code == 0:
        progress |= {"evaluation": EVALUATION, "exports": EXPORTS}
    if code == 3:
        print("the data has moths", flush=True)
    else:
        Path(os.environ["ESTIMATOR_TERMINATION_LOG"]).write_text(json.dumps(progress))
    os._exit(code)


main()
