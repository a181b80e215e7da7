"""What Keras 2 had and Keras 3 has not, for Keras 3: `compat.keras_names` says which name of tf.keras is which."""
