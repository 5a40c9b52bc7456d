import { Link } from "wouter";

import { curl, curlJson } from "../api/client";
import { logsQuery, PERIODS, ROWS, STATUSES, useLogs, type Row, type Wanted } from "../api/logs";
import { useDomains } from "../shell/domain";
import { Ago, Badge, Button, Choice, Empty, Head } from "../ui/Basics";
import { about, messagePath, stateOf, timeOf } from "../ui/events";
import { count, when } from "../ui/format";
import { SearchField } from "../ui/SearchField";
import { Table, type Column } from "../ui/Table";
import { useFilters } from "../ui/url";

const COLUMNS: Column<Row>[] = [
  { name: "When", cell: (row) => <Ago time={timeOf(row.event)} />, text: (row) => when(timeOf(row.event)) },
  { name: "Recipient", cell: (row) => row.event.recipient, text: (row) => row.event.recipient },
  {
    name: "Subject",
    cell: (row) => <Link href={messagePath(row.event)}>{row.event.message?.headers?.subject || "(no subject)"}</Link>,
    text: (row) => row.event.message?.headers?.subject,
  },
  { name: "Status", cell: (row) => <Status row={row} />, text: (row) => stateOf(row.outcome)[0] },
  { name: "Tags", cell: (row) => row.event.tags?.join(", "), text: (row) => row.event.tags?.join(" ") },
  { name: "From", cell: (row) => row.event.message?.headers?.from, text: (row) => row.event.message?.headers?.from },
  { name: "Message-Id", text: (row) => row.event.message?.headers?.["message-id"] },
];

function Status({ row }: { row: Row }) {
  const [name, tone] = stateOf(row.outcome);
  const more = name === "deferred" || name === "failed" ? about(row.outcome) : "";
  return (
    <>
      <Badge tone={tone}>{name}</Badge> {more && <span className="quiet-text clamp">{more}</span>}
    </>
  );
}

const FIELDS: [keyof Wanted, string][] = [
  ["recipient", "Recipient"],
  ["subject", "Subject"],
  ["message", "Message-Id"],
  ["tag", "Tag"],
  ["from", "From"],
];

export default function Messages() {
  const [filters, change] = useFilters();
  const { domains } = useDomains();
  const wanted: Wanted = filters;
  const { data, error, refetch } = useLogs(wanted);
  const asked = FIELDS.some(([name]) => filters[name]) || filters.status || filters.domain || filters.provider;
  const command = curlJson("/v1/analytics/logs", logsQuery(wanted));
  return (
    <>
      <Head title="Messages" about={data?.total !== undefined && `${count(data.total)} found`} />
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        {FIELDS.map(([name, label]) => (
          <SearchField key={name} label={label} value={filters[name] ?? ""} onChange={(value) => change({ [name]: value, page: "" })} />
        ))}
        <Choice label="Status" value={filters.status ?? ""} options={STATUSES} onChange={(event) => change({ status: event.target.value, page: "" })} />
        <Choice
          label="Domain"
          value={filters.domain ?? ""}
          options={[["", "All"], ...(domains ?? []).map((name): [string, string] => [name, name])]}
          onChange={(event) => change({ domain: event.target.value, page: "" })}
        />
        <Choice label="Period" value={filters.period ?? "7d"} options={PERIODS} onChange={(event) => change({ period: event.target.value, page: "" })} />
        {asked && <Button look="quiet" onPress={() => change(Object.fromEntries(Object.keys(filters).map((name) => [name, ""])))}>Clear</Button>}
      </form>
      <Table
        name="Messages"
        columns={COLUMNS}
        rows={data?.rows}
        id={(row) => row.event.id}
        error={error}
        retry={() => void refetch()}
        command={command}
        next={data?.pages.next && data.rows.length === ROWS ? () => change({ page: data.pages.next ?? "" }) : undefined}
        previous={filters.page ? () => change({ page: data?.pages.previous ?? "" }) : undefined}
        empty={
          asked ? (
            <Empty title="No message fits.">
              <p>Take a filter away, or choose a longer period.</p>
            </Empty>
          ) : (
            <Empty title="No messages yet." command={curl(`/v3/${domains?.[0] ?? "YOUR-DOMAIN"}/messages`, "POST", first(domains?.[0]))}>
              <p>This command sends the first one:</p>
            </Empty>
          )
        }
      />
    </>
  );
}

const first = (domain = "YOUR-DOMAIN"): [string, string][] => [
  ["from", `Me <me@${domain}>`],
  ["to", "you@example.com"],
  ["subject", "Hello"],
  ["text", "It works."],
];
