"""Templates: stored texts with holes, in versions, and what fills them.

Tables: `templates` (of a domain, or of an account and all its domains), `template_versions`. No events. A name exists
once in a domain (or account), a tag once in a template; both are lower case. One version of a template is active: the
first, until another is made so. `find` looks in the domain first, then in the account, then in the account above.
`Renderer` is handlebars.js in an isolate of V8 of its own: no code of a template runs outside it, and time, memory
and size of a rendering are bounded.
"""

from .data import combine, texts_of
from .errors import CannotRender, RenderFailed, TemplateMissing
from .filling import fill
from .render import Renderer, renderer
from .service import Found, find, forget_domain

__all__ = [
    "CannotRender",
    "Found",
    "RenderFailed",
    "Renderer",
    "TemplateMissing",
    "combine",
    "fill",
    "find",
    "forget_domain",
    "renderer",
    "texts_of",
]
