// Who may sign in, with which role; and the accounts below this one.
import { useState } from "react";

import { curl, queries } from "../api/client";
import { seg, send, useRefresh } from "../api/lists";
import { Ago, Badge, Button, Card, Choice, Empty, Field, Head, Problem } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { Table } from "../ui/Table";
import { Tabs } from "../ui/Tabs";
import { Told } from "../ui/Told";

const ROLES: [string, string, string][] = [
  ["admin", "Admin", "Everything: people, keys, subaccounts and all below."],
  ["developer", "Developer", "Domains, templates, webhooks, routes, lists, sending; not people and keys of others."],
  ["basic", "Analyst", "Looks at figures, events and messages; changes nothing."],
  ["support", "Support", "Looks into what happened to messages and suppressions, for people who ask."],
  ["billing", "Billing", "Sees what was used and what it may cost; nothing of mail."],
];
const CHOICES = ROLES.map(([role, name]): [string, string] => [role, name]);

export default function People() {
  return (
    <>
      <Head title="People and subaccounts" />
      <Tabs
        label="Parts"
        parts={[
          { id: "users", title: "Users", content: () => <Users /> },
          { id: "subaccounts", title: "Subaccounts", content: () => <Subaccounts /> },
          { id: "roles", title: "Roles", content: () => <Roles /> },
        ]}
      />
    </>
  );
}

function Users() {
  const { data, error, refetch } = queries.useQuery("get", "/v5/users", { params: { query: { limit: 100 } } });
  const refresh = useRefresh();
  const [told, setTold] = useState("");
  const [wrong, setWrong] = useState<unknown>(null);
  const invite = (id: string) => {
    setTold("");
    void send("POST", `/postwright/v1/users/${seg(id)}/invitation`)
      .then((answer) => {
        setTold(answer.message ?? "Sent.");
        setWrong(null);
      })
      .catch(setWrong);
  };
  return (
    <>
      <div className="row">
        <Invite done={setTold} />
      </div>
      <Told>{told}</Told>
      <Problem error={wrong} />
      <Table
        name="Users"
        rows={data?.users}
        id={(row) => row.id}
        error={error}
        retry={() => void refetch()}
        request="/v5/users"
        columns={[
          { name: "E-mail", cell: (row) => row.email, text: (row) => row.email },
          { name: "Name", cell: (row) => row.name, text: (row) => row.name },
          { name: "Role", cell: (row) => <Badge>{CHOICES.find(([role]) => role === row.role)?.[1] ?? row.role}</Badge>, text: (row) => row.role },
          {
            name: "State",
            cell: (row) => <Badge tone={row.is_disabled ? "bad" : row.activated ? "good" : "warn"}>{row.is_disabled ? "disabled" : row.activated ? "active" : "invited"}</Badge>,
            text: (row) => (row.is_disabled ? "disabled" : row.activated ? "active" : "invited"),
          },
          { name: "Second factor", cell: (row) => (row.tfa_enabled ? "yes" : "no"), text: (row) => String(row.tfa_enabled) },
          { name: "Last here", cell: (row) => (row.last_sign_in_at ? <Ago time={row.last_sign_in_at} /> : "never"), text: (row) => row.last_sign_in_at },
          {
            name: "Do",
            cell: (row) => (
              <div className="row">
                {!row.activated && (
                  <Button look="quiet" onPress={() => invite(row.id)}>
                    Invite again
                  </Button>
                )}
                <Change id={row.id} email={row.email} role={row.role} disabled={row.is_disabled} />
                <Ask
                  label="Delete"
                  look="danger"
                  title={`Delete ${row.email}`}
                  yes="Delete the user"
                  act={async () => {
                    await send("DELETE", `/postwright/v1/users/${seg(row.id)}`);
                    await refresh();
                  }}
                >
                  <p>They are signed out everywhere. What they did stays in the audit log.</p>
                </Ask>
              </div>
            ),
          },
        ]}
      />
    </>
  );
}

function Invite({ done }: { done: (text: string) => void }) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("basic");
  const refresh = useRefresh();
  return (
    <Ask
      label="Invite"
      title="Invite somebody"
      yes="Send the invitation"
      look="main"
      act={async () => {
        done((await send("POST", "/postwright/v1/users", { email: email.trim(), role })).message ?? "");
        setEmail("");
        await refresh();
      }}
    >
      <Field label="E-mail address" type="email" required value={email} onChange={(event) => setEmail(event.target.value)} />
      <Choice label="Role" value={role} onChange={(event) => setRole(event.target.value)} options={CHOICES} hint={ROLES.find(([each]) => each === role)?.[2]} />
    </Ask>
  );
}

function Change({ id, email, role, disabled }: { id: string; email: string; role: string; disabled: boolean }) {
  const [chosen, setChosen] = useState(role);
  const [state, setState] = useState(disabled ? "no" : "yes");
  const refresh = useRefresh();
  return (
    <Ask
      label="Edit"
      title={`Edit ${email}`}
      yes="Save"
      onOpen={() => {
        setChosen(role);
        setState(disabled ? "no" : "yes");
      }}
      act={async () => {
        await send("PUT", `/postwright/v1/users/${seg(id)}`, { role: chosen, disabled: state === "no" });
        await refresh();
      }}
    >
      <Choice label="Role" value={chosen} onChange={(event) => setChosen(event.target.value)} options={CHOICES} hint={ROLES.find(([each]) => each === chosen)?.[2]} />
      <Choice label="May sign in" value={state} onChange={(event) => setState(event.target.value)} options={[["yes", "Yes"], ["no", "No"]]} />
    </Ask>
  );
}

function Subaccounts() {
  const { data, error, refetch } = queries.useQuery("get", "/v5/accounts/subaccounts", { params: { query: { limit: 100 } } });
  const [name, setName] = useState("");
  const refresh = useRefresh();
  return (
    <>
      <div className="row">
        <Ask
          label="New subaccount"
          title="A new subaccount"
          yes="Make it"
          look="main"
          act={async () => {
            await send("POST", "/v5/accounts/subaccounts", { name: name.trim() });
            setName("");
            await refresh();
          }}
        >
          <Field label="Name" required value={name} onChange={(event) => setName(event.target.value)} />
        </Ask>
      </div>
      <Table
        name="Subaccounts"
        rows={data?.subaccounts}
        id={(row) => row.id}
        error={error}
        retry={() => void refetch()}
        request="/v5/accounts/subaccounts"
        empty={
          <Empty title="No subaccounts." command={curl("/v5/accounts/subaccounts", "POST", [["name", "Acme shop"]])}>
            <p>A subaccount has domains, keys, suppressions and limits of its own. Once there is one, it can be chosen above the navigation.</p>
          </Empty>
        }
        columns={[
          { name: "Name", cell: (row) => row.name, text: (row) => row.name },
          { name: "Id", cell: (row) => <code>{row.id}</code>, text: (row) => row.id },
          { name: "State", cell: (row) => <Badge tone={row.status === "open" ? "good" : "warn"}>{row.status}</Badge>, text: (row) => row.status },
          { name: "Made", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
          {
            name: "Do",
            cell: (row) =>
              row.status === "open" ? (
                <Ask
                  label="Disable"
                  look="danger"
                  title={`Disable ${row.name}`}
                  yes="Disable"
                  act={async () => {
                    await send("POST", `/v5/accounts/subaccounts/${seg(row.id)}/disable`);
                    await refresh();
                  }}
                >
                  <p>It sends nothing any more and its keys are refused, until it is enabled again.</p>
                </Ask>
              ) : (
                <Button look="quiet" onPress={() => void send("POST", `/v5/accounts/subaccounts/${seg(row.id)}/enable`).then(refresh)}>
                  Enable
                </Button>
              ),
          },
        ]}
      />
    </>
  );
}

function Roles() {
  return (
    <Card title="What each role may do">
      <Table
        name="Roles"
        rows={ROLES}
        id={(row) => row[0]}
        columns={[
          { name: "Role", cell: (row) => row[1], text: (row) => row[1] },
          { name: "In the API", cell: (row) => <code>{row[0]}</code>, text: (row) => row[0] },
          { name: "What it may do", cell: (row) => row[2], text: (row) => row[2] },
        ]}
      />
    </Card>
  );
}
