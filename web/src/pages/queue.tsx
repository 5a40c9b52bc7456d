import { useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";

import { api, queries } from "../api/client";
import { useQueue, type QueueRow, type Rule, type Site, type Suspension } from "../api/queue";
import { useSession } from "../api/session";
import { useDomains } from "../shell/domain";
import { Ago, Badge, Button, Card, Choice, Empty, Figure, Head, Loading, Problem } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { compact } from "../ui/format";
import { Lever } from "../ui/Lever";
import { SearchField } from "../ui/SearchField";
import { Table } from "../ui/Table";
import { href, useFilters } from "../ui/url";

const STATES: [string, string, string][] = [
  ["due", "Due now", "queued"],
  ["later", "Later", "queued"],
  ["leased", "Being sent", "leased"],
  ["parked", "Waiting for a limit", "parked"],
  ["held", "Held by a pause", "held"],
];

/** What waits to be sent, and what an operator does about it. */
export default function Queue() {
  const { data, error, refetch } = useQueue();
  const [filters] = useFilters();
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  return (
    <>
      <Head
        title="Queue"
        about={data.delivering ? "Delivery is running." : <strong className="bad">No delivery process is running. The server's log says why; last seen <Ago time={data.delivery_seen} />.</strong>}
      >
        <Lever />
      </Head>
      <div className="figures">
        {STATES.map(([name, label, state]) => {
          const depth = data.states[name];
          return (
            <Figure
              key={name}
              label={label}
              value={compact(depth?.count ?? 0)}
              to={href("/queue", { ...filters, state, after: "" })}
              about={depth?.oldest_due ? <>oldest <Ago time={depth.oldest_due} /></> : undefined}
            />
          );
        })}
      </div>
      {data.rules.length > 0 && <Rules rules={data.rules} />}
      {data.suspensions.length > 0 && <Suspensions rows={data.suspensions} />}
      <div className="page-grid wide">
        <Card title="By recipient domain">
          <Table<Site>
            name="Queue by recipient domain"
            rows={data.sites}
            id={(row) => row.recipient_domain}
            request="/postwright/v1/queue"
            empty={<p className="quiet-text">The queue is empty.</p>}
            columns={[
              { name: "Domain", cell: (row) => <Link href={href("/queue", { recipient_domain: row.recipient_domain })}>{row.recipient_domain}</Link>, text: (row) => row.recipient_domain },
              { name: "Provider", cell: (row) => row.provider, text: (row) => row.provider },
              { name: "Waiting", number: true, cell: (row) => row.count, text: (row) => row.count },
              { name: "Held", number: true, cell: (row) => row.held, text: (row) => row.held },
              { name: "Oldest due", cell: (row) => <Ago time={row.oldest_due} />, text: (row) => row.oldest_due },
            ]}
          />
        </Card>
      </div>
      <Recipients />
    </>
  );
}

const words = (filter: Record<string, string>, own = "") =>
  Object.entries(filter)
    .filter(([name, value]) => name !== "account" || value !== own)
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`)
    .join(", ") || "everything";

function Rules({ rules }: { rules: Rule[] }) {
  const cache = useQueryClient();
  const own = useSession().data?.account.id;
  const end = async (rule: Rule) => {
    await api.DELETE("/postwright/v1/queue/rules/{number}", { params: { path: { number: rule.id } } });
    await cache.invalidateQueries();
  };
  return (
    <Card title="Standing rules">
      <Table<Rule>
        name="Standing rules"
        rows={rules}
        id={(row) => row.id}
        request="/postwright/v1/queue/rules"
        columns={[
          { name: "Rule", cell: (row) => <Badge tone={row.kind === "pause" ? "warn" : "info"}>{row.kind}</Badge>, text: (row) => row.kind },
          { name: "What", cell: (row) => words(row.filter, own), text: (row) => words(row.filter, own) },
          { name: "To", cell: (row) => row.target ?? "–", text: (row) => row.target },
          { name: "Note", cell: (row) => row.note, text: (row) => row.note },
          { name: "Since", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
          {
            name: "End",
            cell: (row) => (
              <Ask label={row.kind === "pause" ? "Resume" : "End"} title={`End this ${row.kind}?`} yes={row.kind === "pause" ? "Resume" : "End it"} act={() => end(row)}>
                <p>{words(row.filter, own)}: what it held is due as it was before.</p>
              </Ask>
            ),
          },
        ]}
      />
    </Card>
  );
}

function Suspensions({ rows }: { rows: Suspension[] }) {
  return (
    <Card title="Held back by delivery itself">
      <Table<Suspension>
        name="Suspensions"
        rows={rows}
        id={(row) => `${row.site} ${row.source} ${row.account} ${row.rule}`}
        request="/postwright/v1/queue"
        columns={[
          { name: "To", cell: (row) => row.site || "everybody", text: (row) => row.site },
          { name: "From", cell: (row) => row.source || "every address", text: (row) => row.source },
          { name: "Why", cell: (row) => row.reason, text: (row) => row.reason },
          { name: "How far", cell: (row) => row.limits || "full stop", text: (row) => row.limits },
          { name: "Since", cell: (row) => <Ago time={row.since} />, text: (row) => row.since },
          { name: "Until", cell: (row) => <Ago time={row.until} />, text: (row) => row.until },
        ]}
      />
    </Card>
  );
}

const ROWS = 50;
const TEXTS: [string, string][] = [
  ["recipient_domain", "Recipient domain"],
  ["provider", "Provider"],
  ["tag", "Tag"],
  ["source_ip", "Source address"],
];

function Recipients() {
  const [filters, change] = useFilters();
  const { domains } = useDomains();
  const query = {
    limit: ROWS,
    after: Number(filters.after ?? 0) || 0,
    state: filters.state ?? "",
    domain: filters.domain ?? "",
    ...Object.fromEntries(TEXTS.map(([name]) => [name, filters[name] ?? ""])),
  };
  const { data, error, refetch } = queries.useQuery("get", "/postwright/v1/queue/recipients", { params: { query } }, { placeholderData: (before) => before, retry: false });
  const next = data?.next;
  const asked = query.state || query.domain || TEXTS.some(([name]) => filters[name]);
  return (
    <Card title="Recipients">
      <div className="filters">
        <Choice
          label="State"
          value={query.state}
          options={[["", "Any"], ["queued", "Queued"], ["leased", "Being sent"], ["parked", "Waiting for a limit"], ["held", "Held"]]}
          onChange={(event) => change({ state: event.target.value, after: "" })}
        />
        <Choice
          label="Sending domain"
          value={query.domain}
          options={[["", "All"], ...(domains ?? []).map((name): [string, string] => [name, name])]}
          onChange={(event) => change({ domain: event.target.value, after: "" })}
        />
        {TEXTS.map(([name, label]) => (
          <SearchField key={name} label={label} value={filters[name] ?? ""} onChange={(value) => change({ [name]: value, after: "" })} />
        ))}
        {asked && (
          <Button look="quiet" onPress={() => change(Object.fromEntries(Object.keys(filters).map((name) => [name, ""])))}>
            Clear
          </Button>
        )}
      </div>
      <Table<QueueRow>
        name="Recipients in the queue"
        rows={data?.items}
        id={(row) => row.id}
        error={error}
        retry={() => void refetch()}
        request={href("/postwright/v1/queue/recipients", { ...query, after: query.after || "" })}
        next={next ? () => change({ after: String(next) }) : undefined}
        previous={query.after ? () => history.back() : undefined}
        empty={asked ? <p className="quiet-text">Nothing in the queue fits.</p> : <Empty title="The queue is empty: everything that was due is sent." />}
        columns={[
          { name: "Recipient", cell: (row) => row.recipient, text: (row) => row.recipient },
          { name: "State", cell: (row) => <Badge tone={row.state === "held" ? "warn" : "info"}>{row.state}</Badge>, text: (row) => row.state },
          { name: "Next try", cell: (row) => <Ago time={row.due_at} />, text: (row) => row.due_at },
          { name: "Accepted", cell: (row) => <Ago time={row.accepted_at} />, text: (row) => row.accepted_at },
          { name: "Given up", cell: (row) => <Ago time={row.give_up_at} />, text: (row) => row.give_up_at },
          { name: "Attempts", number: true, cell: (row) => row.attempts, text: (row) => row.attempts },
          { name: "Last reply", cell: (row) => <span className="clamp">{row.last_reply || row.waits_for || "–"}</span>, text: (row) => row.last_reply },
          { name: "Messages", cell: (row) => <Link href={href("/messages", { recipient: row.recipient, period: "30d" })}>Messages</Link> },
        ]}
      />
    </Card>
  );
}
