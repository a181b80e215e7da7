"""Keras models as Estimators: `tf.keras.estimator.model_to_estimator`, for Keras 2 and for Keras 3."""
