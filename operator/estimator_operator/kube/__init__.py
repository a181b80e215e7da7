"""The API server: calls, watches, the Lease. Nothing else imports kopf or kubernetes."""
