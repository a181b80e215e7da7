"""The API server as the commands need it: reading one job and following it."""
