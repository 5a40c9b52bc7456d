"""The one list of concepts: what the processes serve, and (by being imported) every table."""

import postwright.archives
import postwright.delivery
import postwright.forwarding  # noqa: F401  its table
from postwright import arrivals as _arrivals  # noqa: F401  its table
from postwright.accounts.api import CONTROLLERS as ACCOUNTS
from postwright.alerts.api import CONTROLLERS as ALERTS
from postwright.analytics.api import CONTROLLERS as ANALYTICS
from postwright.audit.api import CONTROLLERS as AUDIT
from postwright.capture.api import CONTROLLERS as CAPTURE
from postwright.certificates.api import CONTROLLERS as CERTIFICATES
from postwright.classification.api import CONTROLLERS as CLASSIFICATION
from postwright.doctor.api import CONTROLLERS as DOCTOR
from postwright.domains.api import CONTROLLERS as DOMAINS
from postwright.forwards.api import CONTROLLERS as FORWARDS
from postwright.ips.api import CONTROLLERS as IPS
from postwright.journal.api import CONTROLLERS as JOURNAL
from postwright.lists.api import CONTROLLERS as LISTS
from postwright.logs.api import CONTROLLERS as LOGS
from postwright.messages.api import CONTROLLERS as MESSAGES
from postwright.operations.api import CONTROLLERS as OPERATIONS
from postwright.panel.api import CONTROLLERS as PANEL
from postwright.panel.web import CONTROLLERS as PANEL_PAGES
from postwright.routes.api import CONTROLLERS as ROUTES
from postwright.rua.api import CONTROLLERS as RUA
from postwright.stats.api import CONTROLLERS as STATS
from postwright.suppressions.api import CONTROLLERS as SUPPRESSIONS
from postwright.tags.api import CONTROLLERS as TAGS
from postwright.templates.api import CONTROLLERS as TEMPLATES
from postwright.tlsrpt.api import CONTROLLERS as TLS_REPORTS
from postwright.tracking.api import CONTROLLERS as TRACKING
from postwright.users.api import CONTROLLERS as USERS
from postwright.users.web import CONTROLLERS as WELCOME
from postwright.webhooks.api import CONTROLLERS as WEBHOOKS

CONTROLLERS = (
    *ACCOUNTS,
    *USERS,
    *WELCOME,
    *AUDIT,
    *PANEL,
    *PANEL_PAGES,
    *DOMAINS,
    *IPS,
    *MESSAGES,
    *LOGS,
    *ANALYTICS,
    *STATS,
    *TAGS,
    *CLASSIFICATION,
    *ALERTS,
    *JOURNAL,
    *OPERATIONS,
    *DOCTOR,
    *SUPPRESSIONS,
    *LISTS,
    *TEMPLATES,
    *TLS_REPORTS,
    *TRACKING,
    *WEBHOOKS,
    *ROUTES,
    *FORWARDS,
    *RUA,
    *CAPTURE,
    *CERTIFICATES,
)
