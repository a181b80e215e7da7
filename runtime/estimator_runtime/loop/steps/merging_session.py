"""A monitored session that runs a step in one call of a callable.

TensorFlow's MonitoredSession makes and closes the sessions, starts queue runners and the coordinator, and makes a new
session when a server is lost. Only the step itself is made here, for MonitoredSession builds everything about it anew
each time: which tensors the caller and each hook want, in which structure, with which options.

Invariants:

* hooks see what a MonitoredSession shows them: the order of calls, the values, options and metadata of their own step,
  the raw session, and what stops or loses it;
* a step in which a hook asks for feeds (but `StandingFeeds`) or options is run by `Session.run`, with all of them;
* an error in a step is a new session, an end or an error where MonitoredSession has it so; also a new session where the first
  of several errors is that the step was cancelled, for a server was lost. MonitoredSession ends by chance of that.
"""

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import tensorflow as tf

from estimator_runtime.distribution.standing_feeds import StandingFeeds
from estimator_runtime.loop.steps import replaced, run_errors
from estimator_runtime.loop.steps.requests import Plans

_train: Any = tf.compat.v1.train
_CALLER = "caller"


class Ahead(Protocol):
    """What is done before each step that hooks see, with the session and the context of that step."""

    def begin(self, hooks: Sequence[Any]) -> None:
        """Gets ready, when all hooks have begun and the graph can still be added to."""

    def created(self, session: Any, hooks: Sequence[Any]) -> None:
        """Takes a new raw session, and those of its hooks that are called in a step."""

    def run(self, run_context: Any) -> None:
        """Comes before the hooks' `before_run`; what it raises is an error of the step."""

    def stepped(self) -> None:
        """Comes after the hooks' `after_run`."""

    def forget(self) -> None:
        """Lets go of the session, which is closed."""


def session(
    make: Callable[[list[Any]], Any], hooks: Iterable[Any], config: Any = None, ahead: Ahead | None = None
) -> Any:
    """The session of a loop in the default graph: `run(fetches)`, `should_stop()`, and a block that ends it.

    Args:
        make: makes TensorFlow's MonitoredSession of hooks.
        hooks: the hooks of the loop.
        config: ConfigProto of the sessions that `make` will have; None for the default.
        ahead: what is done before each step; nothing where not a `MergingSession` runs them.

    Returns:
        A `MergingSession`; what `make` returns where a step is not only the session's affair: where the program has
        replaced MonitoredSession, and where each step has metadata.
    """
    if replaced.monitored_session() or _fills_metadata(config):
        return make(list(hooks))
    return MergingSession(make, hooks, ahead)


def _fills_metadata(config: Any) -> bool:
    """Whether RunMetadata has something in it without a hook that asks for it."""
    return config is not None and bool(
        config.graph_options.build_cost_model or config.experimental.HasField("session_metadata")
    )


class _Made(_train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """What goes with one raw session; the last of the hooks, so that it is there when all others have met it."""

    def __init__(self, hooks: list[Any], ahead: Ahead | None) -> None:
        self._hooks = hooks
        self.ahead = ahead
        self.looking: list[Any] = []
        self.session: Any = None
        self.coordinator: Any = None
        self.plans: Any = None
        self.is_to_stop = False

    @property
    def is_alone(self) -> bool:
        """Whether a step is the caller's affair alone: no hook looks at it, and nothing is done before it."""
        return self.ahead is None and not self.looking

    def begin(self) -> None:
        """Comes after that of all hooks."""
        if self.ahead is not None:
            self.ahead.begin(self._hooks)

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Begins with a new session, in which nobody has asked to stop."""
        self.looking = [hook for hook in self._hooks if replaced.looks(hook)]
        self.session, self.coordinator = session, coord
        self.plans = Plans(session)
        self.is_to_stop = False
        if self.ahead is not None:
            self.ahead.created(session, self.looking)

    def forget(self) -> None:
        """Lets go of the session, which is closed."""
        self.session = self.coordinator = self.plans = None
        if self.ahead is not None:
            self.ahead.forget()


class MergingSession:
    """Runs the steps of a loop.

    Args:
        make: makes TensorFlow's MonitoredSession of hooks.
        hooks: the hooks of the loop.
        ahead: what is done before each step.
    """

    def __init__(
        self, make: Callable[[list[Any]], Any], hooks: Iterable[Any], ahead: Ahead | None = None
    ) -> None:
        given = list(hooks)
        self._made = _Made(given, ahead)
        self._monitored = make([*given, self._made])

    def should_stop(self) -> bool:
        """Whether the loop is to end: a hook, a thread or the session's end wants it."""
        # First, for it may make a new session, and then nobody wants it any more.
        return bool(self._monitored.should_stop()) or self._made.is_to_stop

    @property
    def is_unseen(self) -> bool:
        """Whether the next step is the caller's affair alone: no hook looks at it, and nobody has replaced what runs it."""
        return self._made.is_alone and not replaced.run_of(self._made.session)

    def run(self, fetches: Any) -> Any:
        """Runs one step with all hooks, again when a server was lost in it.

        Args:
            fetches: any structure that `Session.run` takes.

        Returns:
            As `Session.run`.

        Raises:
            RuntimeError: a hook has asked to stop, or two hooks feed the same tensor.
            tf.errors.OpError: the step failed.
        """
        while True:
            try:
                return self._coordinated(fetches)
            except run_errors.LOST as error:
                self._renew(error)

    def __enter__(self) -> Self:
        """Begins the block at whose end the session is closed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Ends hooks (not after an error), threads and session; the end of the input is no error."""
        try:
            return bool(self._monitored.__exit__(kind, error, trace))
        finally:
            self._made.forget()

    def _renew(self, error: Exception) -> None:
        """Has the monitored session close its session and make another, as for an error in a step of its own."""
        errors = [error]

        def step(step_context: Any) -> None:
            del step_context
            if errors:
                raise errors.pop()

        self._monitored.run_step_fn(step)

    def _coordinated(self, fetches: Any) -> Any:
        """One step; raises what a thread lost a server by, if that may be why the step failed."""
        try:
            return self._step(fetches)
        except run_errors.LOST:
            raise
        except Exception as error:
            if isinstance(error, tf.errors.CancelledError) and run_errors.is_lost_server(error):
                raise tf.errors.AbortedError(error.node_def, error.op, error.message) from error
            try:
                self._made.coordinator.raise_requested_exception()
            except run_errors.LOST:
                raise
            except Exception:  # noqa: BLE001 - comes out when the threads are waited for
                raise error from None
            raise

    def _step(self, fetches: Any) -> Any:
        made = self._made
        if made.is_to_stop:
            raise RuntimeError("Run called even after should_stop requested.")
        if made.is_alone:
            # Nobody else asks for anything, or is to be told what came of it.
            outputs = self._planned({_CALLER: fetches})
            if outputs is not None:
                return outputs[_CALLER]
        context = _train.SessionRunContext(_train.SessionRunArgs(fetches, None), made.session)
        if made.ahead is not None:
            made.ahead.run(context)
        asked = {_CALLER: fetches}
        options = tf.compat.v1.RunOptions()
        feeds: dict[Any, Any] = {}
        standing: StandingFeeds | None = None
        is_plain = True
        for hook in made.looking:
            request = hook.before_run(context)
            if request is None:
                continue
            if request.fetches is not None:
                asked[hook] = request.fetches
            if request.feed_dict:
                _add_feeds(feeds, request.feed_dict)
                if standing is None and type(request.feed_dict) is StandingFeeds:
                    standing = request.feed_dict
                else:
                    is_plain = False
            if request.options:
                _merge(options, request.options)
                is_plain = False
        metadata = tf.compat.v1.RunMetadata()
        outputs = self._planned(asked, standing) if is_plain else None
        if outputs is None:
            outputs = made.session.run(
                fetches=asked, feed_dict=feeds or None, options=options, run_metadata=metadata
            )
        for hook in made.looking:
            hook.after_run(context, _train.SessionRunValues(outputs.get(hook), options, metadata))
        if made.ahead is not None:
            made.ahead.stepped()
        made.is_to_stop = context.stop_requested
        return outputs[_CALLER]

    def _planned(self, asked: dict[Any, Any], feeds: StandingFeeds | None = None) -> dict[Any, Any] | None:
        """What a plan answers to each that asks; None where `Session.run` has to."""
        session = self._made.session
        if replaced.run_of(session):
            return None
        try:
            plan = self._made.plans.plan(asked.values(), feeds)
            return None if plan is None else dict(zip(asked, plan.results(), strict=True))
        except tf.errors.OpError as error:
            if feeds is not None:  # by Session.run, which has explained it
                raise
            # Nothing runs; a session that somebody has closed says so.
            session.run([])
            raise run_errors.explained(error, session.graph) from error


def _add_feeds(feeds: dict[Any, Any], added: dict[Any, Any]) -> None:
    both = feeds.keys() & added.keys()
    if both:
        # TensorFlow's words.
        raise RuntimeError(f"Same tensor is fed by two hooks. Conflict(s): {list(both)}")
    feeds.update(added)


def _merge(options: Any, added: Any) -> None:
    """Adds the RunOptions of one hook to those of the step: of numbers the larger, of switches whether any is on."""
    for name in ("trace_level", "timeout_in_ms", "inter_op_thread_pool"):
        setattr(options, name, max(getattr(options, name), getattr(added, name)))
    for name in ("output_partition_graphs", "report_tensor_allocations_upon_oom"):
        setattr(options, name, getattr(options, name) or getattr(added, name))
    watched, more = options.debug_options, added.debug_options
    watched.debug_tensor_watch_opts.extend(more.debug_tensor_watch_opts)
    watched.reset_disk_byte_usage = watched.reset_disk_byte_usage or more.reset_disk_byte_usage
