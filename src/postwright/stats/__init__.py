"""The older statistics: totals by time, by domain, by tag, and aggregates by provider, device and country.

Owns no tables. All figures are `analytics.counts` in other clothes: the same events, counted by the same marks as
metrics. Invariant: every bucket of a time range is there, also those in which nothing happened.
"""
