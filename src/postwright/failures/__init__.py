"""What a server's reply means: an ordered file of rules, first match wins.

Owns no tables. `judge` answers for delivery (a reply in an SMTP session) and for reports (the reply that a bounce
message quotes) alike, so that the same words have the same effect whichever way they come.
"""

from .rules import Verdict, judge

__all__ = ["Verdict", "judge"]
