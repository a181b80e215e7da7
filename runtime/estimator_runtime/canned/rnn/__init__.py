"""RNN Estimators: sequence columns, recurrent layers of Keras, and the head of a sequence of logits.

tf.estimator had columns transformed by layers of Keras 2 (`SequenceFeatures`, `DenseFeatures`), in a model of Keras 2. Here
`sequence_input` transforms them, and the recurrent layers alone are Keras', of either version.
"""
