// One mailing list and its members.
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { call, curl } from "../api/client";
import { seg, send, useGet, usePages, useRefresh } from "../api/lists";
import type { components } from "../api/schema";
import { Badge, Button, Check, Choice, Empty, Facts, Field, Head, Problem, TextArea } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { SearchField } from "../ui/SearchField";
import { Table } from "../ui/Table";
import { Told } from "../ui/Told";
import { useFilters, useParam } from "../ui/url";
import { ACCESS, REPLIES, type MailingList } from "./lists";

type Member = components["schemas"]["MemberInfo"];

export default function List() {
  const address = useParam("address");
  const path = `/v3/lists/${seg(address)}`;
  const one = useGet<{ list: MailingList }>(path);
  const [filters, change] = useFilters();
  const members = usePages<Member>(`${path}/members/pages`, { address: filters.search ?? "", subscribed: filters.subscribed ?? "" });
  const refresh = useRefresh();
  const list = one.data?.list;
  return (
    <>
      <Head title={address} about={<Link href="/lists">All lists</Link>}>
        {list && <Edit list={list} path={path} />}
        <Delete path={path} address={address} />
      </Head>
      <Problem error={one.error} />
      {list && (
        <Facts
          of={[
            ["Name", list.name || "–"],
            ["Members", list.members_count],
            ["Posts", ACCESS.find(([each]) => each === list.access_level)?.[1]],
            ["Replies", REPLIES.find(([each]) => each === list.reply_preference)?.[1]],
          ]}
        />
      )}
      <div className="filters">
        <SearchField label="Address" value={filters.search ?? ""} onChange={(search) => change({ search, at: "" })} />
        <Choice
          label="Subscribed"
          value={filters.subscribed ?? ""}
          onChange={(event) => change({ subscribed: event.target.value, at: "" })}
          options={[
            ["", "All"],
            ["yes", "Subscribed"],
            ["no", "Unsubscribed"],
          ]}
        />
        <Add path={path} />
        <Import path={path} />
      </div>
      <Table
        name="Members"
        rows={members.items}
        id={(row) => row.address}
        error={one.error ? undefined : members.error}
        request={members.request}
        {...members.steps}
        empty={<Empty title="No member fits." command={curl(`${path}/members`, "POST", [["address", "bob@example.net"]])} />}
        columns={[
          { name: "Address", cell: (row) => row.address, text: (row) => row.address },
          { name: "Name", cell: (row) => row.name, text: (row) => row.name },
          {
            name: "State",
            cell: (row) => <Badge tone={row.subscribed ? "good" : "warn"}>{row.subscribed ? "subscribed" : "unsubscribed"}</Badge>,
            text: (row) => (row.subscribed ? "subscribed" : "unsubscribed"),
          },
          { name: "Variables", cell: (row) => <code>{JSON.stringify(row.vars)}</code>, text: (row) => JSON.stringify(row.vars) },
          {
            name: "Do",
            cell: (row) => (
              <div className="row">
                <Button look="quiet" onPress={() => void send("PUT", `${path}/members/${seg(row.address)}`, { subscribed: !row.subscribed }).then(refresh)}>
                  {row.subscribed ? "Unsubscribe" : "Subscribe"}
                </Button>
                <Ask
                  label="Remove"
                  look="danger"
                  title={`Remove ${row.address}`}
                  yes="Remove the member"
                  act={async () => {
                    await send("DELETE", `${path}/members/${seg(row.address)}`);
                    await refresh();
                  }}
                >
                  <p>Whoever is unsubscribed instead stays so when a file with the address is imported.</p>
                </Ask>
              </div>
            ),
          },
        ]}
      />
    </>
  );
}

function Edit({ list, path }: { list: MailingList; path: string }) {
  const [name, setName] = useState(list.name);
  const [about, setAbout] = useState(list.description);
  const [access, setAccess] = useState(list.access_level);
  const [reply, setReply] = useState(list.reply_preference);
  const refresh = useRefresh();
  return (
    <Ask
      label="Edit"
      title={`Edit ${list.address}`}
      yes="Save"
      act={async () => {
        await send("PUT", path, { name, description: about, access_level: access, reply_preference: reply });
        await refresh();
      }}
    >
      <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} />
      <Field label="About" value={about} onChange={(event) => setAbout(event.target.value)} />
      <Choice label="Who may post" value={access} onChange={(event) => setAccess(event.target.value)} options={ACCESS} />
      <Choice label="Where replies go" value={reply} onChange={(event) => setReply(event.target.value)} options={REPLIES} />
    </Ask>
  );
}

function Add({ path }: { path: string }) {
  const [address, setAddress] = useState("");
  const [name, setName] = useState("");
  const refresh = useRefresh();
  return (
    <Ask
      label="Add a member"
      title="Add a member"
      yes="Add"
      act={async () => {
        await send("POST", `${path}/members`, { address: address.trim(), name });
        setAddress("");
        setName("");
        await refresh();
      }}
    >
      <Field label="Member's address" type="email" required value={address} onChange={(event) => setAddress(event.target.value)} />
      <Field label="Member's name" value={name} onChange={(event) => setName(event.target.value)} />
    </Ask>
  );
}

function Import({ path }: { path: string }) {
  const [text, setText] = useState("");
  const [upsert, setUpsert] = useState(true);
  const [told, setTold] = useState("");
  const refresh = useRefresh();
  return (
    <>
      <Ask
        label="Import members"
        title="Import members"
        yes="Import"
        act={async () => {
          const form = new FormData();
          form.set("members", new Blob([text], { type: "text/csv" }), "members.csv");
          form.set("upsert", upsert ? "yes" : "no");
          form.set("subscribed", "yes");
          setTold(((await (await call(`${path}/members.csv`, { method: "POST", body: form })).json()) as { message: string }).message);
          await refresh();
        }}
      >
        <TextArea label="CSV" rows={8} className="code" required value={text} onChange={(event) => setText(event.target.value)} placeholder={"address,name\nbob@example.net,Bob"} hint="Its first line names the columns: address, and others, which become variables." />
        <Check label="Change members that are there already" checked={upsert} onChange={setUpsert} />
      </Ask>
      <Told>{told}</Told>
    </>
  );
}

function Delete({ path, address }: { path: string; address: string }) {
  const [, navigate] = useLocation();
  const refresh = useRefresh();
  return (
    <Ask
      label="Delete"
      look="danger"
      title={`Delete ${address}`}
      yes="Delete the list"
      act={async () => {
        await send("DELETE", path);
        navigate("/lists");
        await refresh();
      }}
    >
      <p>Its members go with it, and mail to its address is refused. This cannot be taken back.</p>
    </Ask>
  );
}
