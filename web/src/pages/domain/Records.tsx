// What DNS has to say about a domain, and what it says.
import { curl } from "../../api/client";
import type { components } from "../../api/schema";
import { Ago, Badge, Card, Copy, Problem, type Tone } from "../../ui/Basics";
import { Table } from "../../ui/Table";

type Record = components["schemas"]["RecordInfo"];
type Checks = components["schemas"]["Checks"];

const TONES: { [state: string]: Tone } = { valid: "good", invalid: "bad", unknown: "warn" };
const WORDS: { [state: string]: string } = { valid: "found", invalid: "wrong", unknown: "not found" };

export function Records({ checks, error, name }: { checks?: Checks; error: unknown; name: string }) {
  if (error) return <Problem error={error} />;
  const path = `/postwright/v1/domains/${name}/checks`;
  return (
    <>
      <Group title="Records for sending" rows={checks?.sending} path={path} />
      <Group title="Records for receiving" rows={checks?.receiving} path={path} />
      <Group title="Recommended records" rows={checks?.recommended} path={path} />
      <Card title="Earlier checks">
        <Table
          name="Earlier checks"
          rows={checks?.items}
          id={(row) => row.first_at}
          request={path}
          columns={[
            { name: "First", cell: (row) => <Ago time={row.first_at} />, text: (row) => row.first_at },
            { name: "Last", cell: (row) => <Ago time={row.last_at} />, text: (row) => row.last_at },
            { name: "Times", cell: (row) => row.times, text: (row) => row.times, number: true },
            { name: "Domain", cell: (row) => row.state, text: (row) => row.state },
            {
              name: "Found",
              cell: (row) =>
                Object.entries(row.results).map(([purpose, result]) => (
                  <div key={purpose}>
                    <Badge tone={TONES[result.valid]}>{purpose}</Badge> <span className="mono">{result.found.join(" · ") || "nothing"}</span>
                  </div>
                )),
              text: (row) => JSON.stringify(row.results),
            },
          ]}
        />
      </Card>
    </>
  );
}

function Group({ title, rows, path }: { title: string; rows?: Record[]; path: string }) {
  return (
    <Card title={title}>
      <Table
        name={title}
        rows={rows}
        id={(row) => `${row.record_type} ${row.name} ${row.value}`}
        command={curl(path)}
        columns={[
          {
            name: "State",
            cell: (row) => <Badge tone={TONES[row.valid]}>{WORDS[row.valid] ?? row.valid}</Badge>,
            text: (row) => row.valid,
          },
          { name: "Type", cell: (row) => `${row.record_type}${row.priority ? ` ${row.priority}` : ""}`, text: (row) => row.record_type },
          { name: "Name", cell: (row) => row.name && <WithCopy text={row.name} what="name" />, text: (row) => row.name },
          { name: "Expected", cell: (row) => <WithCopy text={row.value} what="value" />, text: (row) => row.value },
          {
            name: "Found",
            cell: (row) => (row.cached.length ? row.cached.map((each) => <code key={each}>{each} </code>) : <Badge>nothing</Badge>),
            text: (row) => row.cached.join(" "),
          },
        ]}
      />
    </Card>
  );
}

function WithCopy({ text, what }: { text: string; what: string }) {
  return (
    <span className="record-value">
      <code>{text}</code>
      <Copy text={text} label={`Copy ${what}`} />
    </span>
  );
}
