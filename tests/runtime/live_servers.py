"""The servers of a cluster's chief and parameter servers, in the process of the test, which looks into them."""

import tensorflow as tf
from cluster_tasks import free_ports

v1 = tf.compat.v1


class Servers:
    """The servers of a chief and of two parameter servers, all in this process."""

    def __init__(self):
        chief, *ps = (f"127.0.0.1:{port}" for port in free_ports(3))
        self.cluster = {"chief": [chief], "ps": ps}
        self.ps = [tf.distribute.Server(self.cluster, job_name="ps", task_index=index) for index in range(2)]
        self.chief = tf.distribute.Server(self.cluster, job_name="chief", task_index=0)

    def loses(self, name=None):
        """The servers lose a variable, or all that they hold."""
        if name is None:
            v1.Session.reset(self.chief.target)
        else:
            self.run(name, lambda handle: tf.raw_ops.DestroyResourceOp(resource=handle))

    def holds(self, name, value):
        dtype = tf.int64 if name == "global_step" else tf.float32
        self.run(
            name,
            lambda handle: tf.raw_ops.AssignVariableOp(resource=handle, value=tf.constant(value, dtype)),
        )

    def step(self):
        """The global step that the parameter servers hold."""
        read = []
        self.run(
            "global_step",
            lambda handle: tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.int64),
            read,
        )
        return int(read[0])

    def value_of_w(self):
        read = []
        self.run("w", lambda handle: tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32), read)
        return read[0].item()

    def run(self, name, make, results=None):
        """Runs an operation on a variable, as a worker would."""
        dtype, shape = (tf.int64, []) if name == "global_step" else (tf.float32, [1, 1])
        with tf.Graph().as_default():
            for index in range(2):
                with tf.device(f"/job:ps/task:{index}"):
                    handle = tf.raw_ops.VarHandleOp(dtype=dtype, shape=shape, shared_name=name)
                    there, operation = tf.raw_ops.VarIsInitializedOp(resource=handle), make(handle)
                with v1.Session(self.chief.target) as session:
                    if session.run(there):
                        result = session.run(operation)
                        if results is not None:
                            results.append(result)
