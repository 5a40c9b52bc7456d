"""SQL of alerts: settings and keys, calls, thresholds and their hits."""
