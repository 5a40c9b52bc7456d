import { useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";

import { api, curl, queries } from "../api/client";
import type { components } from "../api/schema";
import { useDomain } from "../shell/domain";
import { Ago, Empty, Head } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { bytes, count } from "../ui/format";
import { SearchField } from "../ui/SearchField";
import { Table } from "../ui/Table";
import { href, useFilters } from "../ui/url";

type Captured = components["schemas"]["Captured"];
const ROWS = 50;

export default function Inbox() {
  const [filters, change] = useFilters();
  const [domain] = useDomain();
  const cache = useQueryClient();
  const query = { term: filters.term ?? "", before: Number(filters.before ?? 0) || 0, limit: ROWS };
  const { data, error, refetch } = queries.useQuery("get", "/postwright/v1/capture/messages", { params: { query } }, { placeholderData: (before) => before });
  const last = data?.items.at(-1)?.id;
  const fields: [string, string][] = [
    ["from", `Me <me@${domain}>`],
    ["to", "you@example.com"],
    ["subject", "Hello"],
    ["text", "It works."],
  ];
  return (
    <>
      <Head title="Capture inbox" about={data && `${count(data.total_count)} messages that were caught instead of sent`}>
        {data && data.total_count > 0 && (
          <Ask
            label="Empty the inbox"
            title="Delete every captured message?"
            yes="Delete all"
            look="danger"
            act={async () => {
              await api.DELETE("/postwright/v1/capture/messages");
              await cache.invalidateQueries();
            }}
          >
            <p>They are gone for good. Events and statistics stay.</p>
          </Ask>
        )}
      </Head>
      <div className="filters">
        <SearchField label="Search in recipient, subject and sender" value={filters.term ?? ""} onChange={(term) => change({ term, before: "" })} />
      </div>
      <Table<Captured>
        name="Captured messages"
        rows={data?.items}
        id={(row) => row.id}
        error={error}
        retry={() => void refetch()}
        request={href("/postwright/v1/capture/messages", { ...query, before: query.before || "" })}
        next={data?.next && last ? () => change({ before: String(last) }) : undefined}
        previous={query.before ? () => history.back() : undefined}
        empty={
          query.term ? (
            <Empty title="No captured message fits." />
          ) : (
            <Empty title="The inbox is empty." command={curl(`/v3/${domain || "YOUR-DOMAIN"}/messages`, "POST", fields)}>
              <p>In capture mode every message ends here and nothing leaves the machine. This command sends one:</p>
            </Empty>
          )
        }
        columns={[
          { name: "When", cell: (row) => <Ago time={row.received_at} />, text: (row) => row.received_at },
          { name: "Recipient", cell: (row) => row.recipient, text: (row) => row.recipient },
          { name: "Subject", cell: (row) => <Link href={`/inbox/${row.id}`}>{row.subject || "(no subject)"}</Link>, text: (row) => row.subject },
          { name: "From", cell: (row) => row.from, text: (row) => row.from },
          { name: "Size", number: true, cell: (row) => bytes(row.size), text: (row) => row.size },
          { name: "Message-Id", text: (row) => row.message_id },
        ]}
      />
    </>
  );
}
