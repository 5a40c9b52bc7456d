"""What a sender can prove: SPF (RFC 7208), DKIM (RFC 6376), ARC (RFC 8617), DMARC (RFC 7489).

The protocols are done by libraries kept for it (pyspf, dkimpy, authres, publicsuffixlist), in threads, because they
ask DNS while they work; every message has a bound of look-ups and of time.
"""

from .judge import Judge, Judgement
from .results import without_forged

__all__ = ["Judge", "Judgement", "without_forged"]
