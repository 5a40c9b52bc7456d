"""Real counterparts for tests: PostgreSQL, DNS server, SMTP sink, webhook receiver, a whole Postwright.

Each is started by the test that needs it, on a free port of the loopback interface or a socket of its own,
and records what it saw. They ship with the program so that applications built on it can be tested likewise.
Nothing outside tests and benchmarks imports this package.
"""
