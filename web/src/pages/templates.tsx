// Templates of a domain or of the account.
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { curl } from "../api/client";
import { seg, send, useRefresh, usePages } from "../api/lists";
import type { components } from "../api/schema";
import { DomainPicker } from "../shell/DomainPicker";
import { Ago, Choice, Empty, Field, Head } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { Table } from "../ui/Table";
import { href, useFilters } from "../ui/url";
import { useOwner } from "./template/owner";

type Template = components["schemas"]["postwright.templates.schemas.Template"];

export default function Templates() {
  const [filters, change] = useFilters();
  const owner = useOwner();
  const list = usePages<Template>(owner.path, { active: "yes" });
  return (
    <>
      <Head title="Templates" about="Stored texts with holes, which messages name and fill.">
        <NewTemplate />
      </Head>
      <div className="filters">
        <Choice
          label="Of"
          value={filters.owner ?? ""}
          onChange={(event) => change({ owner: event.target.value, at: "" })}
          options={[
            ["", "One domain"],
            ["account", "The account: for all its domains"],
          ]}
        />
        {!owner.ofAccount && <DomainPicker />}
      </div>
      <Table
        name="Templates"
        rows={owner.ofAccount || owner.domain ? list.items : []}
        id={(row) => row.id}
        error={list.error}
        retry={() => void list.refetch()}
        request={list.request}
        {...list.steps}
        empty={
          <Empty
            title="No templates yet."
            command={curl(owner.path, "POST", [
              ["name", "welcome"],
              ["template", "<p>Hello {{name}}!</p>"],
              ["headers", '{"Subject": "Welcome, {{name}}"}'],
            ])}
          />
        }
        columns={[
          { name: "Name", cell: (row) => <Link href={href(`/templates/${seg(row.name)}`, owner.params)}>{row.name}</Link>, text: (row) => row.name },
          { name: "About", cell: (row) => row.description, text: (row) => row.description },
          { name: "Active version", cell: (row) => row.version?.tag ?? "none", text: (row) => row.version?.tag },
          { name: "Made", cell: (row) => <Ago time={row.createdAt} />, text: (row) => row.createdAt },
        ]}
      />
    </>
  );
}

const START = `<!doctype html>
<html lang="en">
  <body>
    <h1>Hello {{name}}!</h1>
    <p>Thank you for joining us.</p>
  </body>
</html>
`;

function NewTemplate() {
  const [name, setName] = useState("");
  const [about, setAbout] = useState("");
  const [, navigate] = useLocation();
  const owner = useOwner();
  const refresh = useRefresh();
  return (
    <Ask
      label="New template"
      title="A new template"
      yes="Make it"
      look="main"
      act={async () => {
        const body = { name, description: about, template: START, headers: { Subject: "Hello {{name}}" } };
        const answer = await send<{ template: Template }>("POST", owner.path, body);
        await refresh();
        navigate(href(`/templates/${seg(answer.template.name)}`, owner.params));
      }}
    >
      <Field label="Name" required value={name} onChange={(event) => setName(event.target.value)} placeholder="welcome" />
      <Field label="About" value={about} onChange={(event) => setAbout(event.target.value)} />
    </Ask>
  );
}
