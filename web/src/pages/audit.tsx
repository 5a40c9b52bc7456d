// Who changed what, from where.
import { usePages } from "../api/lists";
import type { components } from "../api/schema";
import { Ago, Empty, Field, Head } from "../ui/Basics";
import { SearchField } from "../ui/SearchField";
import { Table } from "../ui/Table";
import { useFilters } from "../ui/url";

type Change = components["schemas"]["Change"];

const shown = (value: unknown) => (value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));

export default function Audit() {
  const [filters, change] = useFilters();
  const set = (changes: Record<string, string>) => change({ ...changes, at: "" });
  const query = { action: filters.action ?? "", object: filters.object ?? "", actor: filters.actor ?? "", begin: filters.begin ?? "", end: filters.end ?? "" };
  const list = usePages<Change>("/postwright/v1/audit", query);
  return (
    <>
      <Head title="Audit log" about="Every change in the account: by whom, from where, and what it was before." />
      <div className="filters">
        <SearchField label="Action" value={query.action} onChange={(action) => set({ action })} />
        <SearchField label="Object" value={query.object} onChange={(object) => set({ object })} />
        <SearchField label="Actor's id" value={query.actor} onChange={(actor) => set({ actor })} />
        <Field label="From" type="date" value={query.begin} onChange={(event) => set({ begin: event.target.value })} />
        <Field label="Until" type="date" value={query.end} onChange={(event) => set({ end: event.target.value })} />
      </div>
      <Table
        name="Audit log"
        rows={list.items}
        id={(row) => row.id}
        error={list.error}
        retry={() => void list.refetch()}
        request={list.request}
        {...list.steps}
        empty={<Empty title="No change fits." />}
        columns={[
          { name: "When", cell: (row) => <Ago time={row.at} />, text: (row) => row.at },
          {
            name: "Who",
            cell: (row) => (
              <>
                {row.by.kind} <code>{row.by.id}</code>
              </>
            ),
            text: (row) => `${row.by.kind} ${row.by.id}`,
          },
          { name: "From", cell: (row) => row.by.address, text: (row) => row.by.address },
          { name: "Action", cell: (row) => <code>{row.action}</code>, text: (row) => row.action },
          { name: "Object", cell: (row) => row.object, text: (row) => row.object },
          { name: "Before", cell: (row) => <code className="clamp">{shown(row.before)}</code>, text: (row) => shown(row.before) },
          { name: "After", cell: (row) => <code className="clamp">{shown(row.after)}</code>, text: (row) => shown(row.after) },
        ]}
      />
    </>
  );
}
