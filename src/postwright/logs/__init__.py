"""What happened, as customers ask for it: the events of a domain, filtered and paged.

Reads the event log only. A page is found by `(at, seq)`, which is commit order, so that a poller that follows
`next` sees each event once, however many processes append meanwhile.
"""
