"""Which events a reader wants: filters of the CloudEvents Subscriptions API and CESQL.

A filter is compiled once, when a subscription or a stream is made, into a plain function of the
event's attributes. Compiling raises `InvalidFilter` and nothing else; matching never raises.
"""

from __future__ import annotations

from hubbub.core.filters.cesql import Notice
from hubbub.core.filters.dialects import compile_filters, warnings
from hubbub.core.filters.predicate import Attributes, Predicate
from hubbub.core.filters.sql import compile_sql

__all__ = ["Attributes", "Notice", "Predicate", "compile_filters", "compile_sql", "warnings"]
