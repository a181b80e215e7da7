"""The API server as the commands need it: reading one job, following it and its pods, changing it."""
