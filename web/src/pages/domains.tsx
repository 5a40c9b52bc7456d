// The account's sending and receiving domains.
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { curl, queries } from "../api/client";
import { send, useRefresh } from "../api/lists";
import { Ago, Badge, Choice, Empty, Field, Head, type Tone } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { SearchField } from "../ui/SearchField";
import { Table } from "../ui/Table";
import { href, useFilters } from "../ui/url";

const SIZE = 100;
export const STATE_TONES: Record<string, Tone> = { active: "good", unverified: "warn", disabled: "bad" };

export default function Domains() {
  const [filters, change] = useFilters();
  const skip = Number(filters.skip) || 0;
  const query = { limit: SIZE, skip, search: filters.search ?? "", state: filters.state ?? "" };
  const { data, error, refetch } = queries.useQuery("get", "/v4/domains", { params: { query } });
  const request = href("/v4/domains", query);
  return (
    <>
      <Head title="Domains" about="A domain may send once its DNS records are found.">
        <NewDomain />
      </Head>
      <div className="filters">
        <SearchField label="Name contains" value={filters.search ?? ""} onChange={(search) => change({ search, skip: "" })} />
        <Choice
          label="State"
          value={filters.state ?? ""}
          onChange={(event) => change({ state: event.target.value, skip: "" })}
          options={[
            ["", "Any"],
            ["active", "Active"],
            ["unverified", "Unverified"],
            ["disabled", "Disabled"],
          ]}
        />
      </div>
      <Table
        name="Domains"
        rows={data?.items}
        id={(row) => row.id}
        error={error}
        retry={() => void refetch()}
        request={request}
        next={skip + SIZE < (data?.total_count ?? 0) ? () => change({ skip: String(skip + SIZE) }) : undefined}
        previous={skip ? () => change({ skip: String(Math.max(0, skip - SIZE) || "") }) : undefined}
        empty={
          <Empty title="No domain fits." command={curl("/v4/domains", "POST", [["name", "mail.example.com"]])}>
            <p>Add one here, or from a terminal:</p>
          </Empty>
        }
        columns={[
          { name: "Domain", cell: (row) => <Link href={`/domains/${encodeURIComponent(row.name)}`}>{row.name}</Link>, text: (row) => row.name },
          {
            name: "State",
            cell: (row) => <Badge tone={STATE_TONES[row.is_disabled ? "disabled" : row.state]}>{row.is_disabled ? "disabled" : row.state}</Badge>,
            text: (row) => (row.is_disabled ? "disabled" : row.state),
          },
          { name: "Tracking host", cell: (row) => row.tracking_host, text: (row) => row.tracking_host },
          { name: "TLS required", cell: (row) => (row.require_tls ? "yes" : "no"), text: (row) => String(row.require_tls) },
          { name: "Added", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
        ]}
      />
    </>
  );
}

function NewDomain() {
  const [name, setName] = useState("");
  const [size, setSize] = useState("2048");
  const [, navigate] = useLocation();
  const refresh = useRefresh();
  return (
    <Ask
      label="Add a domain"
      title="Add a domain"
      yes="Add"
      look="main"
      act={async () => {
        const wanted = name.trim();
        await send("POST", "/v4/domains", { name: wanted, dkim_key_size: size });
        await refresh();
        navigate(`/domains/${encodeURIComponent(wanted.toLowerCase())}`);
      }}
    >
      <Field label="Name" required value={name} onChange={(event) => setName(event.target.value)} placeholder="mail.example.com" hint="A subdomain keeps the reputation of its mail apart from that of your people." />
      <Choice label="Size of the DKIM key" value={size} onChange={(event) => setSize(event.target.value)} options={[["2048", "2048 bits"], ["1024", "1024 bits"]]} />
    </Ask>
  );
}
