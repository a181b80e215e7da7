"""What is learnt from training pods, and what the operator tells of itself."""
