"""Storms of alerts whose truth is known; `make storms` says how triage does."""
