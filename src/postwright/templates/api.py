"""Templates over HTTP: the same operations for a domain's templates (v3) and an account's (v4)."""

import json
from typing import Any

from postwright.accounts import Area, Principal
from postwright.domains import DomainNotFound, DomainScope, domain_scope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, provide, put
from postwright.kernel.http.paging import pivot_links, url

from . import schemas, service
from .errors import (
    BadTemplate,
    CannotRender,
    RenderFailed,
    TemplateExists,
    TemplateMissing,
    TemplateNotFound,
    TooMany,
    VersionExists,
    VersionNotFound,
)
from .filling import fill
from .schemas import (
    Changed,
    ChangeTemplate,
    ChangeVersion,
    Copied,
    CopyTemplate,
    CopyVersion,
    CreateTemplate,
    CreateVersion,
    Done,
    Page,
    Shown,
    ShowTemplate,
    Stored,
    TemplateCopied,
    TemplatePage,
    Templates,
    VersionPage,
)
from .service import Copy, NewVersion
from .store import Owner


def _controllers(path: str, ids: str, owner: Any, where: Any, missing: Any) -> tuple[type[Controller], ...]:
    """The operations under `path`; `owner` finds whose templates, `where` how their URL goes on."""
    one = f"{path}/{{template_name:str}}"
    version = f"{one}/versions/{{version_name:str}}"

    class Collection(Controller):
        """All templates."""

        dependencies = {**owner, **where}

        @get(path, id=f"{ids}.list", access=Area.TEMPLATES, errors=missing)
        async def list_(
            self, owner: Owner, segments: list[str], db: Db, base_url: str, fields: TemplatePage
        ) -> Templates:
            """List templates by name, on request with their active versions."""
            turn = fields.turn(fields.p.lower() or None)
            rows = await db.scan(service.page, owner, turn, fields.active)
            items = [
                schemas.template(row, schemas.version(active, content=True) if active else None)
                for row, active in rows
            ]
            query = {"active": "yes"} if fields.active else {}
            links = pivot_links(url(base_url, *segments), turn, "p", [row.name for row, _ in rows], query)
            return Templates(items, links)

        @post(
            path,
            id=f"{ids}.create",
            access=Area.TEMPLATES,
            errors=(BadTemplate, TemplateExists, TooMany, *missing),
        )
        async def create(self, owner: Owner, db: Db, clock: Clock, fields: CreateTemplate) -> Stored:
            """Store a template, with its first version when its content is given."""
            new = None
            if fields.template is not None:
                new = NewVersion(
                    tag=service.parse_name(fields.tag or service.FIRST_TAG, "tag"),
                    content=service.parse_content(fields.template),
                    mjml=service.parse_content(fields.mjml),
                    comment=fields.comment,
                    headers=service.parse_headers(fields.headers),
                )
            row, made = await db.write(
                service.create,
                clock.now(),
                owner,
                service.parse_name(fields.name),
                description=fields.description,
                created_by=fields.createdBy,
                version=new,
            )
            shown = schemas.version(made, content=True) if made else None
            return Stored("template has been stored", schemas.template(row, shown))

        @delete(path, id=f"{ids}.clear", access=Area.TEMPLATES, errors=missing)
        async def clear(self, owner: Owner, db: Db) -> Done:
            """Delete all templates with their versions."""
            await db.write(service.clear, owner)
            return Done("templates have been deleted")

    class One(Controller):
        """One template."""

        dependencies = {**owner, **where}

        @get(one, id=f"{ids}.get", access=Area.TEMPLATES, errors=(TemplateNotFound, *missing))
        async def show(self, owner: Owner, template_name: str, db: Db, fields: ShowTemplate) -> Shown:
            """Show a template, on request with its active version."""
            row, active = await db.read(service.show, owner, template_name, fields.active)
            return Shown(schemas.template(row, schemas.version(active, content=True) if active else None))

        @put(one, id=f"{ids}.update", access=Area.TEMPLATES, errors=(TemplateNotFound, *missing))
        async def change(self, owner: Owner, template_name: str, db: Db, fields: ChangeTemplate) -> Changed:
            """Change a template's description."""
            if fields.description is None:
                name = (await db.read(service.one, owner, template_name)).name
            else:
                name = await db.write(service.describe, owner, template_name, fields.description)
            return Changed("template has been updated", schemas.named(name))

        @delete(one, id=f"{ids}.delete", access=Area.TEMPLATES, errors=(TemplateNotFound, *missing))
        async def remove(self, owner: Owner, template_name: str, db: Db) -> Changed:
            """Delete a template with its versions."""
            name = await db.write(service.remove, owner, template_name)
            return Changed("template has been deleted", schemas.named(name))

        @put(
            f"{one}/copy",
            id=f"{ids}.copy",
            access=Area.TEMPLATES,
            errors=(BadTemplate, TemplateNotFound, VersionNotFound, *missing),
        )
        async def copy(
            self, owner: Owner, template_name: str, db: Db, clock: Clock, fields: CopyTemplate
        ) -> TemplateCopied:
            """Copy a template to other names, domains or subaccounts; what could not be made is listed."""
            if not 0 < len(fields.requests) <= service.MAX_COPIES:
                raise BadTemplate(f"requests parameter is not valid: 1 to {service.MAX_COPIES} expected")
            wanted = [Copy(account_id=r.account_id, name=r.name, domain=r.domain) for r in fields.requests]
            failed = await db.write(
                service.copy, clock.now(), owner, template_name, wanted, fields.source_versions
            )
            return TemplateCopied(
                "template has been copied",
                [schemas.FailedCopy(f.account_id, f.name, f.domain, f.error) for f in failed],
            )

        @put(
            f"{one}/rename/{{new_template_name:str}}",
            id=f"{ids}.rename",
            access=Area.TEMPLATES,
            errors=(BadTemplate, TemplateNotFound, TemplateExists, *missing),
        )
        async def rename(self, owner: Owner, template_name: str, new_template_name: str, db: Db) -> Changed:
            """Give a template another name."""
            new = service.parse_name(new_template_name)
            return Changed(
                "template has been renamed",
                schemas.named(await db.write(service.rename, owner, template_name, new)),
            )

    class Versions(Controller):
        """Versions of a template."""

        dependencies = {**owner, **where}

        @get(
            f"{one}/versions",
            id=f"{ids}.versions.list",
            access=Area.TEMPLATES,
            errors=(TemplateNotFound, *missing),
        )
        async def list_(
            self, owner: Owner, segments: list[str], template_name: str, db: Db, base_url: str, fields: Page
        ) -> VersionPage:
            """List a template's versions by tag, without their content."""
            turn = fields.turn(fields.p.lower() or None)
            row, found = await db.scan(service.versions, owner, template_name, turn)
            address = url(base_url, *segments, row.name, "versions")
            return VersionPage(
                schemas.template(row, versions=[_light(each) for each in found]),
                pivot_links(address, turn, "p", [each.tag for each in found]),
            )

        @post(
            f"{one}/versions",
            id=f"{ids}.versions.create",
            access=Area.TEMPLATES,
            errors=(BadTemplate, TemplateNotFound, VersionExists, TooMany, *missing),
        )
        async def add(
            self, owner: Owner, template_name: str, db: Db, clock: Clock, fields: CreateVersion
        ) -> Stored:
            """Store another version of a template."""
            new = NewVersion(
                tag=service.parse_name(fields.tag, "tag"),
                content=service.parse_content(fields.template),
                mjml=service.parse_content(fields.mjml),
                comment=fields.comment,
                headers=service.parse_headers(fields.headers),
                active=fields.active,
            )
            row, made = await db.write(service.add_version, clock.now(), owner, template_name, new)
            return Stored(
                "new version of the template has been stored",
                schemas.template(row, schemas.version(made, content=True)),
            )

        @get(
            version,
            id=f"{ids}.versions.get",
            access=Area.TEMPLATES,
            errors=(TemplateNotFound, VersionNotFound, *missing),
        )
        async def show(self, owner: Owner, template_name: str, version_name: str, db: Db) -> Shown:
            """Show a version with its content."""
            row, found = await db.read(service.show_version, owner, template_name, version_name)
            return Shown(schemas.template(row, schemas.version(found, content=True)))

        @put(
            version,
            id=f"{ids}.versions.update",
            access=Area.TEMPLATES,
            errors=(BadTemplate, TemplateNotFound, VersionNotFound, *missing),
        )
        async def change(
            self, owner: Owner, template_name: str, version_name: str, db: Db, fields: ChangeVersion
        ) -> Changed:
            """Change a version's content, comment or headers, or make it the active one."""
            name, tag = await db.write(
                service.change_version, owner, template_name, version_name, _changes(fields), fields.active
            )
            return Changed("version has been updated", schemas.named(name, tag))

        @delete(
            version,
            id=f"{ids}.versions.delete",
            access=Area.TEMPLATES,
            errors=(TemplateNotFound, VersionNotFound, *missing),
        )
        async def remove(self, owner: Owner, template_name: str, version_name: str, db: Db) -> Changed:
            """Delete a version."""
            name, tag = await db.write(service.remove_version, owner, template_name, version_name)
            return Changed("version has been deleted", schemas.named(name, tag))

        @put(
            f"{version}/copy/{{new_version_name:str}}",
            id=f"{ids}.versions.copy",
            access=Area.TEMPLATES,
            errors=(BadTemplate, TemplateNotFound, VersionNotFound, TooMany, *missing),
        )
        async def copy(
            self,
            owner: Owner,
            template_name: str,
            version_name: str,
            new_version_name: str,
            db: Db,
            clock: Clock,
            fields: CopyVersion,
        ) -> Copied:
            """Copy a version under another tag, over a version that has it."""
            new = service.parse_name(new_version_name, "tag")
            row, made = await db.write(
                service.copy_version, clock.now(), owner, template_name, version_name, new, fields.comment
            )
            shown = schemas.version(made, content=True)
            return Copied("version has been copied", shown, schemas.copied(row, shown))

    return Collection, One, Versions


class Rendering(Controller):
    """Templates filled, without sending anything."""

    @post(
        "/postwright/v1/{domain:str}/templates/render",
        id="templates.render",
        access=Area.TEMPLATES,
        errors=(BadTemplate, TemplateMissing, RenderFailed, CannotRender, DomainNotFound),
    )
    async def render(self, tenant: DomainScope, db: Db, fields: schemas.RenderTemplate) -> schemas.Rendered:
        """Fill a stored template, or a text that is not stored yet, with test data."""
        if fields.content is not None:
            content = service.parse_content(fields.content)
            headers = json.loads(service.parse_headers(fields.headers))
        else:
            found = await db.read(
                service.find, tenant.account_id, tenant.domain_id, fields.template, fields.version
            )
            content, headers = found.content, found.headers
        html, text, filled = await fill(content, headers, fields.variables, text=True)
        return schemas.Rendered(html, text or "", filled)


def _light(row: Any) -> schemas.Version:
    return schemas.version(row, content=False)


def _changes(fields: ChangeVersion) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if fields.template is not None:
        values["content"] = service.parse_content(fields.template)
    if fields.mjml is not None:
        values["mjml"] = service.parse_content(fields.mjml)
    if fields.comment is not None:
        values["comment"] = fields.comment[: service.MAX_TEXT]
    if fields.headers is not None:
        values["headers"] = service.parse_headers(fields.headers)
    return values


async def _domain_owner(tenant: DomainScope) -> Owner:
    return tenant.account_id, tenant.domain_id


async def _domain_segments(tenant: DomainScope) -> list[str]:
    return ["v3", tenant.name, "templates"]


async def _account_owner(principal: Principal) -> Owner:
    return principal.account_id, ""


async def _account_segments(principal: Principal) -> list[str]:
    return ["v4", "templates"]


CONTROLLERS: tuple[type[Controller], ...] = (
    Rendering,
    *_controllers(
        "/v3/{domain:str}/templates",
        "templates",
        {"tenant": domain_scope("domain not found"), "owner": provide(_domain_owner)},
        {"segments": provide(_domain_segments)},
        (DomainNotFound,),
    ),
    *_controllers(
        "/v4/templates",
        "account_templates",
        {"owner": provide(_account_owner)},
        {"segments": provide(_account_segments)},
        (),
    ),
)
