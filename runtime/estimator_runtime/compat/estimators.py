"""The Estimators of tf.estimator's faces: those of this package, by the rules that tf.estimator had.

`estimator_runtime.Estimator` keeps to its own document, in which an untrained model neither evaluates nor predicts. Here
it does both, on freshly initialised variables or on what its model function has taken from a checkpoint
(`tf.compat.v1.train.init_from_checkpoint`). Nor does that export a model without outputs, and here it is an export without
a signature. Each class here is also a class of this package, so an Estimator of either
kind is taken wherever one is asked for.

`EstimatorV2` and the canned classes whose names end in V2 are `tf.estimator`'s, the others `tf.compat.v1.estimator`'s; those
of RNNs, which were of the latter's kind, are in `tf.estimator` alone.
Canned classes, KMeans and TPUEstimator are made when they are first asked for: importing this module imports no heads and no layers.
"""

from typing import Any, ClassVar

from estimator_runtime.estimator import Estimator as DocumentedEstimator
from estimator_runtime.estimator import check_overrides
from estimator_runtime.faces import KMEANS, OWN, OWN_V1, TPU, Face


class Estimator(DocumentedEstimator):  # noqa: D101 - it has the other's
    __doc__ = DocumentedEstimator.__doc__

    _runs_untrained: ClassVar[bool] = True
    _exports_without_outputs: ClassVar[bool] = True

    # Each class has its own, for programs replace it in one of them.
    def _assert_members_are_not_overridden(self) -> None:
        check_overrides(type(self))


class EstimatorV2(Estimator):  # noqa: D101 - as above
    __doc__ = DocumentedEstimator.__doc__

    # Each class has its own, for programs replace it in one of them.
    def _assert_members_are_not_overridden(self) -> None:
        check_overrides(type(self))


def __getattr__(name: str) -> Any:
    if name == "KMeansClustering":
        return _made(name, KMEANS, "KMeans", Estimator)
    public = name.removesuffix("V2")
    face, base = (OWN, EstimatorV2) if name != public else (OWN_V1, Estimator)
    if name in OWN.submodules["experimental"].homes:
        face = OWN.submodules["experimental"]
    if name == "TPUEstimator":
        face = TPU
    elif not face.homes.get(public, "").startswith("canned."):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _made(name, face, public, base)


def _made(name: str, face: Face, public: str, base: type[Estimator]) -> type[Estimator]:
    own = face.resolve(public)
    made: type[Estimator] = type(name, (own, base), {"__module__": __name__, "__doc__": own.__doc__})
    globals()[name] = made
    return made
