// What programs sign in with: API keys, and logins for SMTP.
import { useState } from "react";

import { curl, queries } from "../api/client";
import { seg, send, useRefresh } from "../api/lists";
import { DomainPicker } from "../shell/DomainPicker";
import { useDomain, useDomains } from "../shell/domain";
import { Ago, Badge, Choice, Command, Empty, Field, Head } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { Table } from "../ui/Table";
import { Tabs } from "../ui/Tabs";
import { Secret } from "../ui/Told";

export default function Keys() {
  return (
    <>
      <Head title="Keys and logins" about="Each program should have one of its own: then it can be taken away from that program alone." />
      <Tabs
        label="Ways to sign in"
        parts={[
          { id: "api", title: "API keys", content: () => <ApiKeys /> },
          { id: "smtp", title: "SMTP credentials", content: () => <Credentials /> },
        ]}
      />
    </>
  );
}

const ROLES: [string, string][] = [
  ["sending", "Sending: messages of one domain"],
  ["basic", "Basic: reads figures and events"],
  ["developer", "Developer: all but the account itself"],
  ["admin", "Admin: everything"],
];

interface Made {
  secret: string;
  domain: string;
}

function ApiKeys() {
  const { data, error, refetch } = queries.useQuery("get", "/v1/keys");
  const [made, setMade] = useState<Made | null>(null);
  const refresh = useRefresh();
  return (
    <>
      {made && (
        <Secret>
          <p>The new key. It is shown this once: put it where your program finds it.</p>
          <Command text={made.secret} label="The new key" />
          <p>A message with it:</p>
          <Command
            text={`curl -s --user 'api:${made.secret}' ${location.origin}/v3/${made.domain}/messages -F from='Ann <ann@${made.domain}>' -F to=bob@example.net -F subject=Hello -F text='It works.'`}
            label="A message with the key"
          />
        </Secret>
      )}
      <div className="row">
        <NewKey done={setMade} />
      </div>
      <Table
        name="API keys"
        rows={data?.items}
        id={(row) => row.id}
        error={error}
        retry={() => void refetch()}
        request="/v1/keys"
        empty={<Empty title="No keys." command={curl("/v1/keys", "POST", [["role", "developer"], ["kind", "user"]])} />}
        columns={[
          { name: "Id", cell: (row) => <code>{row.id}</code>, text: (row) => row.id },
          { name: "For", cell: (row) => row.description || "–", text: (row) => row.description },
          { name: "Role", cell: (row) => <Badge>{row.role}</Badge>, text: (row) => row.role },
          { name: "Kind", cell: (row) => (row.domain_name ? `domain ${row.domain_name}` : row.kind), text: (row) => row.domain_name ?? row.kind },
          { name: "Made", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
          { name: "Ends", cell: (row) => (row.expires_at ? <Ago time={row.expires_at} /> : "never"), text: (row) => row.expires_at },
          {
            name: "State",
            cell: (row) => <Badge tone={row.is_disabled ? "bad" : "good"}>{row.is_disabled ? row.disabled_reason || "disabled" : "works"}</Badge>,
            text: (row) => (row.is_disabled ? "disabled" : "works"),
          },
          {
            name: "Do",
            cell: (row) => (
              <Ask
                label="Delete"
                look="danger"
                title={`Delete the key ${row.description || row.id}`}
                yes="Delete the key"
                act={async () => {
                  await send("DELETE", `/v1/keys/${seg(row.id)}`);
                  await refresh();
                }}
              >
                <p>Programs that use it are refused from now on.</p>
              </Ask>
            ),
          },
        ]}
      />
    </>
  );
}

const DAY = 86400;

function NewKey({ done }: { done: (made: Made) => void }) {
  const [domain] = useDomain();
  const { domains } = useDomains();
  const [role, setRole] = useState("sending");
  const [about, setAbout] = useState("");
  const [chosen, setChosen] = useState("");
  const [days, setDays] = useState("0");
  const refresh = useRefresh();
  const where = chosen || domain;
  return (
    <Ask
      label="New key"
      title="A new API key"
      yes="Make the key"
      look="main"
      act={async () => {
        const kind = role === "sending" ? { kind: "domain", domain_name: where } : { kind: "user" };
        const ends = days === "0" ? {} : { expiration: Number(days) * DAY };
        const answer = await send<{ key: { secret: string } }>("POST", "/v1/keys", { role, description: about, ...kind, ...ends });
        await refresh();
        done({ secret: answer.key.secret, domain: where });
      }}
    >
      <Choice label="What it may do" value={role} onChange={(event) => setRole(event.target.value)} options={ROLES} />
      {role === "sending" && (
        <Choice label="Domain" value={where} onChange={(event) => setChosen(event.target.value)} options={(domains ?? []).map((name) => [name, name])} />
      )}
      <Field label="What it is for" value={about} onChange={(event) => setAbout(event.target.value)} placeholder="the shop" />
      <Choice
        label="Ends"
        value={days}
        onChange={(event) => setDays(event.target.value)}
        options={[
          ["0", "Never"],
          ["30", "In 30 days"],
          ["90", "In 90 days"],
          ["365", "In a year"],
        ]}
      />
    </Ask>
  );
}

function Credentials() {
  const [domain] = useDomain();
  const path = `/v3/domains/${seg(domain)}/credentials`;
  const { data, error, refetch } = queries.useQuery(
    "get",
    "/v3/domains/{domain}/credentials",
    { params: { path: { domain }, query: { limit: 1000 } } },
    { enabled: domain !== "" },
  );
  const [made, setMade] = useState<{ login: string; password: string } | null>(null);
  const refresh = useRefresh();
  return (
    <>
      {made && (
        <Secret>
          <p>The password of {made.login}. It is shown this once.</p>
          <Command text={made.password} label="The password" />
        </Secret>
      )}
      <div className="filters">
        <DomainPicker />
        <Password
          label="New login"
          title={`A login for ${domain}`}
          withName
          act={async (name, password) => {
            const login = name.includes("@") ? name : `${name}@${domain}`;
            const answer = await send<{ credentials?: Record<string, string> }>("POST", path, { login, ...(password ? { password } : {}) });
            await refresh();
            setMade({ login, password: Object.values(answer.credentials ?? {})[0] ?? password });
          }}
        />
      </div>
      <Table
        name="SMTP credentials"
        rows={domain ? data?.items : []}
        id={(row) => row.login}
        error={error}
        retry={() => void refetch()}
        request={path}
        empty={
          <Empty title="No logins for SMTP yet." command={curl(path, "POST", [["login", `shop@${domain}`]])}>
            <p>Programs that speak SMTP sign in on the submission port with a login and its password.</p>
          </Empty>
        }
        columns={[
          { name: "Login", cell: (row) => row.login, text: (row) => row.login },
          { name: "Made", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
          {
            name: "Do",
            cell: (row) => (
              <div className="row">
                <Password
                  label="New password"
                  title={`A new password for ${row.login}`}
                  act={async (_, password) => {
                    const answer = await send<{ credentials?: Record<string, string> }>("PUT", `${path}/${seg(row.login)}`, password ? { password } : {});
                    setMade({ login: row.login, password: Object.values(answer.credentials ?? {})[0] ?? password });
                    await refresh();
                  }}
                />
                <Ask
                  label="Delete"
                  look="danger"
                  title={`Delete the login ${row.login}`}
                  yes="Delete"
                  act={async () => {
                    await send("DELETE", `${path}/${seg(row.login)}`);
                    await refresh();
                  }}
                >
                  <p>Programs that sign in with it are refused from now on.</p>
                </Ask>
              </div>
            ),
          },
        ]}
      />
    </>
  );
}

interface PasswordProps {
  label: string;
  title: string;
  withName?: boolean;
  act: (name: string, password: string) => Promise<void>;
}

function Password({ label, title, withName, act }: PasswordProps) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  return (
    <Ask label={label} title={title} yes="Save" onOpen={() => setPassword("")} act={() => act(name.trim(), password)}>
      {withName && <Field label="Login" required value={name} onChange={(event) => setName(event.target.value)} placeholder="shop" />}
      <Field label="Password" type="password" autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} hint="Left empty, a long random one is made." />
    </Ask>
  );
}
