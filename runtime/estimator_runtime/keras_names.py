"""Keras layers under the same names in every graph.

Keras 3 numbers its layers without a name per process, not per graph: the second graph of a model function would call
its variables `dense_1/kernel`, and no checkpoint of the first would fit. So the numbering starts anew for each graph.

`clear_session` is the public way to do that, and it also resets the default graph of the calling thread and the
process's dtype policy: it is called in a thread of its own, which has a default graph of its own, and the policy is
put back. Legacy Keras counts per graph and is left alone.
"""

import sys
import threading
from typing import Any


def restart() -> None:
    """Starts the numbering of Keras layers anew, if Keras 3 has been imported at all."""
    keras: Any = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "dtype_policies"):
        return
    policy = keras.config.dtype_policy()
    clearing = threading.Thread(target=keras.utils.clear_session, kwargs={"free_memory": False})
    clearing.start()
    clearing.join()
    if keras.config.dtype_policy() != policy:
        keras.config.set_dtype_policy(policy)
