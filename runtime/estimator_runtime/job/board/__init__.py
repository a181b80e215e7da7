"""Event files of a model directory in an object store, brought beside a TensorBoard: `python -m estimator_runtime.job.board`.

TensorBoard reads directories. The process of this room keeps one like the store's, as a process of its own in TensorBoard's
pod, so that TensorBoard may be of any image.
"""
