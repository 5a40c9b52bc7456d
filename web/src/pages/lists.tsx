// Mailing lists: one address for many people.
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { curl } from "../api/client";
import { seg, send, usePages, useRefresh } from "../api/lists";
import type { components } from "../api/schema";
import { useDomain } from "../shell/domain";
import { Ago, Choice, Empty, Field, Head } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { count } from "../ui/format";
import { Table } from "../ui/Table";

export type MailingList = components["schemas"]["ListInfo"];
export const ACCESS: [string, string][] = [
  ["readonly", "Only signed-in senders may post"],
  ["members", "Members may post"],
  ["everyone", "Everyone may post"],
];
export const REPLIES: [string, string][] = [
  ["list", "To the list"],
  ["sender", "To the sender"],
];

export default function Lists() {
  const list = usePages<MailingList>("/v3/lists/pages");
  const [domain] = useDomain();
  return (
    <>
      <Head title="Mailing lists" about="A message to a list's address goes to each of its members.">
        <NewList domain={domain} />
      </Head>
      <Table
        name="Mailing lists"
        rows={list.items}
        id={(row) => row.address}
        error={list.error}
        retry={() => void list.refetch()}
        request={list.request}
        {...list.steps}
        empty={<Empty title="No mailing lists yet." command={curl("/v3/lists", "POST", [["address", `news@${domain}`]])} />}
        columns={[
          { name: "Address", cell: (row) => <Link href={`/lists/${seg(row.address)}`}>{row.address}</Link>, text: (row) => row.address },
          { name: "Name", cell: (row) => row.name, text: (row) => row.name },
          { name: "Members", cell: (row) => count(row.members_count), text: (row) => row.members_count, number: true },
          { name: "Posts", cell: (row) => ACCESS.find(([each]) => each === row.access_level)?.[1], text: (row) => row.access_level },
          { name: "Made", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
        ]}
      />
    </>
  );
}

function NewList({ domain }: { domain: string }) {
  const [address, setAddress] = useState("");
  const [name, setName] = useState("");
  const [access, setAccess] = useState("readonly");
  const [, navigate] = useLocation();
  const refresh = useRefresh();
  return (
    <Ask
      label="New list"
      title="A new mailing list"
      yes="Make the list"
      look="main"
      act={async () => {
        const whole = address.includes("@") ? address.trim() : `${address.trim()}@${domain}`;
        const made = await send<{ list: MailingList }>("POST", "/v3/lists", { address: whole, name, access_level: access });
        await refresh();
        navigate(`/lists/${seg(made.list.address)}`);
      }}
    >
      <Field label="Address" required value={address} onChange={(event) => setAddress(event.target.value)} placeholder={`news@${domain}`} />
      <Field label="Name" value={name} onChange={(event) => setName(event.target.value)} />
      <Choice label="Who may post" value={access} onChange={(event) => setAccess(event.target.value)} options={ACCESS} />
    </Ask>
  );
}
