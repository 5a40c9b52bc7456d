"""Why mail failed, counted: who said no (a mailbox provider, a filter, a blocklist), by which rule, how often.

Owns no tables. The rules are those of `failures`, which put their ids into events when these are written; what is
counted is what `analytics` counts. A failure is critical when the sender must mend something (its reputation, its
authentication, its content, its rate), and not when it is the recipient's mailbox.
"""
