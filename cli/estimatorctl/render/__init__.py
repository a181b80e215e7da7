"""From a job to text: pure pages and lines, and the screen they go to."""
