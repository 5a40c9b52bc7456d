// One template: its versions, and the one that is looked at.
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { seg, send, useGet, useRefresh } from "../api/lists";
import type { components } from "../api/schema";
import { Ago, Badge, Button, Card, Choice, Field, Head, Loading, Problem } from "../ui/Basics";
import { diff } from "../ui/diff";
import { Ask } from "../ui/Dialog";
import { Table } from "../ui/Table";
import { href, useFilters, useParam } from "../ui/url";
import { Editor } from "./template/Editor";
import { useOwner } from "./template/owner";

export type Version = components["schemas"]["Version"];
type Template = components["schemas"]["postwright.templates.schemas.Template"];

export default function TemplatePage() {
  const name = useParam("name");
  const [filters, change] = useFilters();
  const owner = useOwner();
  const path = owner.ofAccount || owner.domain ? `${owner.path}/${seg(name)}` : null;
  const all = useGet<{ template: Template }>(path && `${path}/versions?limit=100`);
  const versions = all.data?.template.versions ?? [];
  const tag = filters.version || versions.find((each) => each.active)?.tag || versions[0]?.tag || "";
  const one = useGet<{ template: Template }>(path && tag ? `${path}/versions/${seg(tag)}` : null, { still: true });
  if (all.error) return <Problem error={all.error} retry={() => void all.refetch()} />;
  if (!path || !all.data) return <Loading />;
  const shown = one.data?.template.version;
  return (
    <>
      <Head title={name} about={<Link href={href("/templates", owner.params)}>All templates</Link>}>
        <Delete path={path} name={name} />
      </Head>
      {all.data.template.description && <p>{all.data.template.description}</p>}
      <Problem error={one.error} />
      {shown && shown.tag === tag && <Editor key={`${name} ${shown.id}`} path={path} name={name} version={shown} />}
      {tag === "" && <FirstVersion path={path} />}
      <Card title="Versions">
        <Table
          name="Versions"
          rows={versions}
          id={(row) => row.id}
          request={`${path}/versions`}
          columns={[
            {
              name: "Version",
              cell: (row) => (
                <Button look={row.tag === tag ? "main" : "quiet"} onPress={() => change({ version: row.tag })}>
                  {row.tag}
                </Button>
              ),
              text: (row) => row.tag,
            },
            { name: "State", cell: (row) => (row.active ? <Badge tone="good">active</Badge> : ""), text: (row) => (row.active ? "active" : "") },
            { name: "Comment", cell: (row) => row.comment, text: (row) => row.comment },
            { name: "Made", cell: (row) => <Ago time={row.createdAt} />, text: (row) => row.createdAt },
            { name: "Do", cell: (row) => <VersionActions path={path} version={row} /> },
          ]}
        />
      </Card>
      {versions.length > 1 && <Compare path={path} tags={versions.map((each) => each.tag)} tag={tag} />}
    </>
  );
}

function VersionActions({ path, version }: { path: string; version: Version }) {
  const refresh = useRefresh();
  const [, change] = useFilters();
  const [error, setError] = useState<unknown>(null);
  const one = `${path}/versions/${seg(version.tag)}`;
  return (
    <div className="row">
      {!version.active && (
        <>
          <Button
            look="quiet"
            onPress={() =>
              void send("PUT", one, { active: true })
                .then(() => setError(null))
                .catch(setError)
                .then(refresh)
            }
          >
            Make active
          </Button>
          <Ask
            label="Delete"
            look="danger"
            title={`Delete the version ${version.tag}`}
            yes="Delete"
            act={async () => {
              await send("DELETE", one);
              change({ version: "" });
              await refresh();
            }}
          >
            <p>Messages that name this version will be refused.</p>
          </Ask>
        </>
      )}
      <Problem error={error} />
    </div>
  );
}

function FirstVersion({ path }: { path: string }) {
  const refresh = useRefresh();
  return (
    <Button look="main" onPress={() => void send("POST", `${path}/versions`, { tag: "initial", template: "<p>Hello {{name}}!</p>", active: true }).then(refresh)}>
      Make the first version
    </Button>
  );
}

function Compare({ path, tags, tag }: { path: string; tags: string[]; tag: string }) {
  const [filters, change] = useFilters();
  const other = filters.with && tags.includes(filters.with) ? filters.with : (tags.find((each) => each !== tag) ?? "");
  const before = useGet<{ template: Template }>(`${path}/versions/${seg(other)}`, { still: true });
  const after = useGet<{ template: Template }>(`${path}/versions/${seg(tag)}`, { still: true });
  const a = before.data?.template.version;
  const b = after.data?.template.version;
  const text = (version: Version) =>
    [...Object.entries(version.headers).map(([name, value]) => `${name}: ${value}`), version.template ?? ""].join("\n");
  return (
    <Card
      title={`Changes from ${other} to ${tag}`}
      actions={<Choice label="Compare with" value={other} onChange={(event) => change({ with: event.target.value })} options={tags.filter((each) => each !== tag).map((each) => [each, each])} />}
    >
      {a && b && (
        <div className="diff" tabIndex={0} role="region" aria-label="Changes">
          {diff(text(a), text(b)).map((line, index) => (
            <div key={index} className={line.kind}>
              {{ same: "  ", added: "+ ", removed: "- " }[line.kind]}
              {line.text}
            </div>
          ))}
        </div>
      )}
    </Card>
  );
}

function Delete({ path, name }: { path: string; name: string }) {
  const [typed, setTyped] = useState("");
  const [, navigate] = useLocation();
  const owner = useOwner();
  const refresh = useRefresh();
  return (
    <Ask
      label="Delete"
      look="danger"
      title={`Delete the template ${name}`}
      yes="Delete the template"
      act={async () => {
        if (typed.trim() !== name) throw new Error("Type the name of the template to confirm.");
        await send("DELETE", path);
        navigate(href("/templates", owner.params));
        await refresh();
      }}
    >
      <p>All its versions go with it; messages that name it will be refused.</p>
      <Field label="The template's name, to confirm" value={typed} onChange={(event) => setTyped(event.target.value)} />
    </Ask>
  );
}
