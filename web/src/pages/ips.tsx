// The addresses that mail leaves from, pools of them, and how far new ones have come.
import { useState } from "react";
import { Link } from "wouter";

import { curl, queries } from "../api/client";
import { seg, send, useGet, useRefresh } from "../api/lists";
import type { components } from "../api/schema";
import { Ago, Badge, Card, Check, Empty, Field, Head, Problem, type Tone } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { share } from "../ui/format";
import { Table } from "../ui/Table";
import { Tabs } from "../ui/Tabs";
import { Warmups } from "./ips/Warmups";

export default function Ips() {
  return (
    <>
      <Head title="Addresses and pools" about="Which addresses mail leaves from." />
      <Tabs
        label="Parts"
        parts={[
          { id: "addresses", title: "Addresses", content: () => <Addresses /> },
          { id: "pools", title: "Pools", content: () => <Pools /> },
          { id: "dynamic", title: "Dynamic pools", content: () => <Dynamic /> },
          { id: "warmup", title: "Warm-up", content: () => <Warmups /> },
        ]}
      />
    </>
  );
}

const TONES: Record<string, Tone> = { valid: "good", clear: "good", invalid: "bad", listed: "bad" };
type Checked = components["schemas"]["CheckShown"];

function Addresses() {
  const path = "/v3/ips/details/all?limit=100";
  const { data, error, refetch } = useGet<{ items: components["schemas"]["IpDetail"][] }>(path);
  const checks = useGet<{ items: { ip: string; ehlo: string; items: Checked[] }[] }>("/postwright/v1/ips/checks?limit=100");
  const warming = queries.useQuery("get", "/v3/ip_warmups", { params: { query: { limit: 1000 } } });
  const refresh = useRefresh();
  return (
    <Table
      name="Addresses"
      rows={data?.items}
      id={(row) => row.address}
      error={error}
      retry={() => void refetch()}
      request={path}
      empty={
        <Empty title="No addresses of the account's own: mail leaves from the machine's." command="POSTWRIGHT_SOURCE_IPS=192.0.2.10=mail.example.com postwright serve">
          <p>The installation is told which addresses it has when it starts:</p>
        </Empty>
      }
      columns={[
        { name: "Address", cell: (row) => <code>{row.address}</code>, text: (row) => row.address },
        { name: "Kind", cell: (row) => (row.dedicated ? "dedicated" : "shared"), text: (row) => (row.dedicated ? "dedicated" : "shared") },
        {
          name: "In DNS and blocklists",
          cell: (row) =>
            checks.data?.items
              .find((each) => each.ip === row.address)
              ?.items.map((each) => (
                <span key={each.check} title={each.problem || each.detail}>
                  <Badge tone={TONES[each.outcome] ?? "warn"}>
                    {each.check}: {each.outcome || "not known"}
                  </Badge>{" "}
                </span>
              )) ?? "not looked at yet",
          text: (row) =>
            checks.data?.items
              .find((each) => each.ip === row.address)
              ?.items.map((each) => `${each.check}=${each.outcome}`)
              .join(" "),
        },
        { name: "Since", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
        {
          name: "Do",
          cell: (row) =>
            warming.data?.items.some((each) => each.ip === row.address) ? (
              <Link href="/ips?tab=warmup">is warmed up</Link>
            ) : (
              <Ask
                label="Warm up"
                title={`Warm up ${row.address}`}
                yes="Begin"
                act={async () => {
                  await send("POST", `/v3/ip_warmups/${seg(row.address)}`);
                  await refresh();
                }}
              >
                <p>It sends little at first, and more each day that ends well; what is too much leaves from other addresses or waits.</p>
              </Ask>
            ),
        },
      ]}
    />
  );
}

function Pools() {
  const { data, error, refetch } = queries.useQuery("get", "/v3/ip_pools");
  const refresh = useRefresh();
  return (
    <>
      <div className="row">
        <EditPool />
      </div>
      <Table
        name="Pools"
        rows={data?.ip_pools}
        id={(row) => row.pool_id}
        error={error}
        retry={() => void refetch()}
        request="/v3/ip_pools"
        empty={<Empty title="No pools." command={curl("/v3/ip_pools", "POST", [["name", "newsletters"], ["description", "apart from invoices"]])} />}
        columns={[
          { name: "Name", cell: (row) => row.name, text: (row) => row.name },
          { name: "About", cell: (row) => row.description, text: (row) => row.description },
          { name: "Addresses", cell: (row) => row.ips.map((ip) => <div key={ip}><code>{ip}</code></div>), text: (row) => row.ips.join(" ") },
          { name: "In use", cell: (row) => <Badge tone={row.is_linked ? "good" : ""}>{row.is_linked ? "by domains" : "no"}</Badge>, text: (row) => String(row.is_linked) },
          { name: "Id", cell: (row) => <code>{row.pool_id}</code>, text: (row) => row.pool_id },
          {
            name: "Do",
            cell: (row) => (
              <div className="row">
                <EditPool pool={row} />
                <Ask
                  label="Delete"
                  look="danger"
                  title={`Delete ${row.name}`}
                  yes="Delete the pool"
                  act={async () => {
                    await send("DELETE", `/v3/ip_pools/${seg(row.pool_id)}`);
                    await refresh();
                  }}
                >
                  <p>A pool that domains use has to be taken from them first.</p>
                </Ask>
              </div>
            ),
          },
        ]}
      />
    </>
  );
}

function EditPool({ pool }: { pool?: components["schemas"]["PoolInfo"] }) {
  const { data } = queries.useQuery("get", "/v3/ips");
  const [name, setName] = useState("");
  const [about, setAbout] = useState("");
  const [ips, setIps] = useState<string[]>([]);
  const refresh = useRefresh();
  return (
    <Ask
      label={pool ? "Edit" : "New pool"}
      look={pool ? "plain" : "main"}
      title={pool ? `Edit ${pool.name}` : "A new pool"}
      yes="Save"
      onOpen={() => {
        setName(pool?.name ?? "");
        setAbout(pool?.description ?? "");
        setIps(pool?.ips ?? []);
      }}
      act={async () => {
        if (pool) {
          const add_ip = ips.filter((ip) => !pool.ips.includes(ip));
          const remove_ip = pool.ips.filter((ip) => !ips.includes(ip));
          await send("PATCH", `/v3/ip_pools/${seg(pool.pool_id)}`, { name, description: about, add_ip, remove_ip });
        } else await send("POST", "/v3/ip_pools", { name, description: about, ips });
        await refresh();
      }}
    >
      <Field label="Name" required value={name} onChange={(event) => setName(event.target.value)} />
      <Field label="About" value={about} onChange={(event) => setAbout(event.target.value)} />
      {(data?.items ?? []).map((ip) => (
        <Check key={ip} label={ip} checked={ips.includes(ip)} onChange={(yes) => setIps(yes ? [...ips, ip] : ips.filter((each) => each !== ip))} />
      ))}
    </Ask>
  );
}

const rate = (value: number | null) => (value === null ? "–" : share(value));

function Dynamic() {
  const pools = queries.useQuery("get", "/v3/dynamic_pools");
  const domains = queries.useQuery("get", "/v1/dynamic_pools/domains", { params: { query: { limit: 100 } } });
  const history = queries.useQuery("get", "/v1/dynamic_pools/history", { params: { query: { limit: 100 } } });
  return (
    <>
      <Card title="The three pools">
        <Problem error={pools.error} />
        <Table
          name="The three pools"
          rows={pools.data?.pools}
          id={(row) => row.id}
          request="/v3/dynamic_pools"
          empty={<Empty title="Dynamic pools are not set up." command={curl("/v3/dynamic_pools/all", "POST", [["good_reputation", "192.0.2.1"], ["new_senders", "192.0.2.2"], ["poor_reputation", "192.0.2.3"]])}>
            <p>Domains move by themselves between addresses for good, new and poor senders. With addresses of yours:</p>
          </Empty>}
          columns={[
            { name: "Pool", cell: (row) => row.name, text: (row) => row.name },
            { name: "Addresses", cell: (row) => row.ips.join(", ") || "none", text: (row) => row.ips.join(" ") },
            { name: "State", cell: (row) => <Badge tone={row.enabled ? "good" : ""}>{row.enabled ? "in use" : "off"}</Badge>, text: (row) => String(row.enabled) },
          ]}
        />
      </Card>
      <Card title="Domains in them">
        <Table
          name="Domains in them"
          rows={domains.data?.items}
          id={(row) => row.id}
          error={domains.error}
          request="/v1/dynamic_pools/domains?limit=100"
          empty={<Empty title="No domain takes part." command={curl("/v3/domains/all/dynamic_pools/enroll", "POST")} />}
          columns={[
            { name: "Domain", cell: (row) => <Link href={`/domains/${seg(row.name)}`}>{row.name}</Link>, text: (row) => row.name },
            { name: "Pool", cell: (row) => <>{row.pool} {row.override && <Badge tone="warn">set by hand</Badge>}</>, text: (row) => row.pool },
            { name: "Bounces", cell: (row) => rate(row.bounce_rate), text: (row) => row.bounce_rate, number: true },
            { name: "Complaints", cell: (row) => rate(row.complaint_rate), text: (row) => row.complaint_rate, number: true },
          ]}
        />
      </Card>
      <Card title="Moves">
        <Table
          name="Moves"
          rows={history.data?.items}
          id={(row) => row.id}
          error={history.error}
          request="/v1/dynamic_pools/history?limit=100"
          columns={[
            { name: "When", cell: (row) => <Ago time={row.timestamp} />, text: (row) => row.timestamp },
            { name: "Domain", cell: (row) => row.domain_name, text: (row) => row.domain_name },
            { name: "From", cell: (row) => row.prev_band, text: (row) => row.prev_band },
            { name: "To", cell: (row) => row.new_band, text: (row) => row.new_band },
            { name: "Why", cell: (row) => row.reason, text: (row) => row.reason },
          ]}
        />
      </Card>
    </>
  );
}

