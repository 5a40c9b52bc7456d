"""Load generator and counting sink for mail benchmarks, loopback only (see `__main__`)."""
