"""The imperative shell: events in, plans made and acted on."""
