"""The modes of a job beside training: Evaluate, Export, Predict."""
