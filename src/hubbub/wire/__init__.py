"""Formats and protocols as functions from bytes to values and back. No input, no output, no await."""
