"""Variables on the parameter servers that outlive the chief, and how a restarted chief tells that they are its own.

While a chief is away the workers train on. Restoring the last checkpoint then would throw their steps away, so the
chief goes on with the variables as they are, if

* parameter server 0 holds the mark that the last chief of this model directory left there. The mark is a random text,
  in a variable that is in no checkpoint and in no collection that anybody initialises, and in a file of the model
  directory. A server that was restarted has lost it, one of another run holds another, and a directory that was
  emptied has none;
* all variables of the model are initialised: otherwise a server was restarted;
* the global step is at or beyond that of the newest checkpoint, and the checkpoint is not older than the mark:
  otherwise somebody trained elsewhere, or put an older checkpoint back;
* no trainable variable holds a NaN or an infinity: what may have killed the chief would do so again.

Otherwise the newest checkpoint is restored, all of it.
"""

import contextlib
import json
import os
import uuid
from dataclasses import asdict, dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints, observation, whole_file
from estimator_runtime.config.run_config import RunConfig

FILE_NAME = "live_variables"
_DEVICE = "/job:ps/task:0/device:CPU:0"
_WITH_INFINITIES = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What the file holds.

    Attributes:
        text: the mark.
        step: step of the newest checkpoint when the variables were initialised or restored.
    """

    text: str
    step: int


class LiveVariables:
    """The variables of the default graph, whose model is built; made by the chief of a cluster with parameter servers.

    Args:
        config: the chief's RunConfig.
    """

    def __init__(self, config: RunConfig) -> None:
        assert config.model_dir is not None, "the Estimator fills in model_dir"
        self._config = config
        self._model_dir = config.model_dir
        self._step = tf.compat.v1.train.get_global_step()
        with tf.device(None), tf.device(_DEVICE), tf.name_scope("live_variables"):
            self._mark = tf.compat.v1.Variable(
                "", trainable=False, collections=[], use_resource=True, name="mark"
            )
            self._text = tf.compat.v1.placeholder(tf.string, [], name="text")
            self._write = self._mark.assign(self._text).op
            self._is_marked = tf.raw_ops.VarIsInitializedOp(resource=self._mark.handle)
            self._read = self._mark.read_value()
        self._reach = []
        for task in range(config.num_ps_replicas):
            with tf.device(None), tf.device(f"/job:ps/task:{task}/device:CPU:0"):
                self._reach.append(tf.identity(self._text).op)
        self._finite = {}
        # What training changes; a mask that holds -inf all the time says nothing.
        for variable in tf.compat.v1.trainable_variables():
            if variable.dtype.base_dtype in _WITH_INFINITIES:
                with tf.device(None), tf.device(variable.device), tf.name_scope("live_variables/"):
                    self._finite[variable.op.name] = tf.reduce_all(tf.math.is_finite(variable))

    def adopted(self, manager: Any) -> Any:
        """Returns a session on the variables as they are, or None when they are not to be used.

        Args:
            manager: a `tf.compat.v1.train.SessionManager` of the model.
        """
        noted = _noted(self._model_dir)
        if noted is None:
            return None
        try:
            session = manager.wait_for_session(
                self._config.master, config=self._config.session_config, max_wait_secs=0
            )
        except tf.errors.DeadlineExceededError:
            tf.compat.v1.logging.info("The parameter servers hold no model that is initialised.")
            return None
        self._check_reach(session)
        objection = self._objection(session, noted)
        if objection is not None:
            tf.compat.v1.logging.info("The variables on the parameter servers are left: %s.", objection)
            session.close()
            return None
        step = int(session.run(self._step))
        tf.compat.v1.logging.info(
            "Going on with the variables on the parameter servers, at global step %d; the newest checkpoint is of "
            "step %d.",
            step,
            checkpoints.global_step(self._model_dir),
        )
        observation.current().adopted(step)
        return session

    def disown(self) -> None:
        """Takes the mark away, for the variables will be restored: half of that is not to be adopted."""
        with contextlib.suppress(tf.errors.NotFoundError):
            tf.io.gfile.remove(_path(self._model_dir))

    def claim(self, session: Any) -> None:
        """Marks the variables, which `session` has initialised or restored, as those of this model directory."""
        self._check_reach(session)
        mark = _Mark(uuid.uuid4().hex, checkpoints.global_step(self._model_dir))
        session.run(self._write, {self._text: mark.text})
        _note(self._model_dir, mark)

    def _check_reach(self, session: Any) -> None:
        """Sends something to every server.

        A chief at another address than before can be answered long before a server finds it: what it sends by itself
        cannot be fetched. Better it shows here, where it is waited for in peace, than in a hook or a step.

        Raises:
            tf.errors.UnavailableError: a server cannot reach this task.
        """
        session.run(self._reach, {self._text: ""})

    def _objection(self, session: Any, noted: _Mark) -> str | None:
        if not session.run(self._is_marked) or session.run(self._read).decode() != noted.text:
            return "they are not known to be of this model_dir"
        saved = checkpoints.global_step(self._model_dir)
        if saved < noted.step:
            return f"they began at the checkpoint of step {noted.step}, and the newest one is of step {saved}"
        step = int(session.run(self._step))
        if step < saved:
            return f"they are at global step {step}, behind the newest checkpoint, which is of step {saved}"
        for name, finite in sorted(self._finite.items()):
            # One by one: each needs a quarter of its size on its server.
            if not session.run(finite):
                return f"{name} holds values that are not finite"
        return None


def _path(model_dir: str) -> str:
    return os.path.join(model_dir, FILE_NAME)  # noqa: PTH118 - may be a gs:// address


def _noted(model_dir: str) -> _Mark | None:
    try:
        with tf.io.gfile.GFile(_path(model_dir)) as file:
            return _Mark(**json.loads(file.read()))
    except tf.errors.NotFoundError:
        return None
    except (ValueError, TypeError) as error:
        tf.compat.v1.logging.warning("Ignoring the unreadable file %s: %s", _path(model_dir), error)
        return None


def _note(model_dir: str, mark: _Mark) -> None:
    whole_file.write(_path(model_dir), json.dumps(asdict(mark)))
