"""Which operations may be in a step that is copied into a loop.

An operation without state does the same wherever it is. Of those with state the copy has either the same state as the
step, by a handle that is passed to it (variables, iterators, tables), or one of its own that nobody could tell from it
(random numbers without a seed). Every other operation with state (queues, Python functions, reference variables,
accumulators, writers, operations of the program's own) is a reason to make single steps.
"""

from typing import Final

HANDLES: Final = frozenset(
    {
        "HashTableV2",
        "Iterator",
        "IteratorV2",
        "MutableDenseHashTableV2",
        "MutableHashTableOfTensorsV2",
        "MutableHashTableV2",
        "OneShotIterator",
        "VarHandleOp",
    }
)
"""What a step shares with its copy: a resource that is in the session."""

RANDOM: Final = frozenset(
    {
        "LogUniformCandidateSampler",
        "Multinomial",
        "ParameterizedTruncatedNormal",
        "RandomGamma",
        "RandomPoissonV2",
        "RandomShuffle",
        "RandomStandardNormal",
        "RandomUniform",
        "RandomUniformInt",
        "TruncatedNormal",
        "UniformCandidateSampler",
    }
)
"""Random numbers from a generator that is the operation's own."""

_SHARING: Final = frozenset(
    {
        "AssignAddVariableOp",
        "AssignSubVariableOp",
        "AssignVariableOp",
        "IteratorGetNext",
        "IteratorGetNextAsOptional",
        "IteratorGetNextSync",
        "LookupTableFindV2",
        "LookupTableInsertV2",
        "LookupTableSizeV2",
        "ReadVariableOp",
        "ResourceGather",
        "ResourceGatherNd",
        "ResourceScatterAdd",
        "ResourceScatterDiv",
        "ResourceScatterMax",
        "ResourceScatterMin",
        "ResourceScatterMul",
        "ResourceScatterNdAdd",
        "ResourceScatterNdSub",
        "ResourceScatterNdUpdate",
        "ResourceScatterSub",
        "ResourceScatterUpdate",
        "ResourceStridedSliceAssign",
        "RngReadAndSkip",
        "RngSkip",
        "StatefulStandardNormalV2",
        "StatefulTruncatedNormal",
        "StatefulUniform",
        "StatefulUniformFullInt",
        "StatefulUniformInt",
        "VarIsInitializedOp",
        "VariableShape",
    }
)
# The copy has the keys of the step's own; that it is in a loop tells the one from the other.
_COLLECTIVE: Final = "Collective"
_APPLYING: Final = ("ResourceApply", "ResourceSparseApply")
_HARMLESS: Final = frozenset(
    {
        "Assert",
        "Case",
        "CheckNumerics",
        "CheckNumericsV2",
        "If",
        "Print",
        "PrintV2",
        "StatefulPartitionedCall",
        "While",
    }
)
# Without state, as TensorFlow has them.
_UNFIT: Final = frozenset(
    {
        "Enter",
        "Exit",
        "LoopCond",
        "Merge",
        "NextIteration",
        "Placeholder",
        "PlaceholderV2",
        "PyFuncStateless",
        "Switch",
        "SymbolicGradient",
    }
)


def fits(kind: str, *, is_stateful: bool, is_together: bool = False) -> bool:
    """Whether an operation of this type may be in the copy of a step.

    Args:
        kind: the type.
        is_stateful: whether it has state.
        is_together: whether all tasks make the steps of the loop together.
    """
    if kind in _UNFIT:
        return False
    return (
        not is_stateful
        or kind in _SHARING
        or kind in _HARMLESS
        or kind in RANDOM
        or kind.startswith(_APPLYING)
        or (is_together and kind.startswith(_COLLECTIVE))
    )
