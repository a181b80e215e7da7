"""The controller of EstimatorJobs."""
