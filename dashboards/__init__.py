"""Grafana dashboards as code: small functions that return plain dicts, written as JSON and committed."""
