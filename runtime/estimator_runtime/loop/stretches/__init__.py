"""Quiet stretches: as many training steps in one call of the session as no hook looks at."""
