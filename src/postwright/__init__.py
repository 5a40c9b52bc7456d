"""Postwright: a self-hosted e-mail platform that speaks the Mailgun API."""

__version__ = "0.1.0"
