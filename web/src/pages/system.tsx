// How the installation itself is doing.
import { useState } from "react";

import { queries } from "../api/client";
import { useGet } from "../api/lists";
import { Ago, Badge, Button, Card, Command, Empty, Facts, Head, Loading, Problem, type Tone } from "../ui/Basics";
import { Table } from "../ui/Table";
import { Told } from "../ui/Told";

const DOCTOR = "/postwright/v1/doctor";
const TONES: Record<string, Tone> = { pass: "good", warn: "warn", fail: "bad", active: "good", processing: "info", expired: "bad", error: "bad" };
const VERDICTS: Record<string, string> = {
  pass: "All is well.",
  warn: "It works; something should be looked at.",
  fail: "Something does not work.",
};

interface Line {
  check: string;
  about: string;
  status: string;
  text: string;
  fix: string;
}

export default function System() {
  return (
    <>
      <Head title="System" about="Of the installation, not of one account." />
      <Server />
      <Doctor />
      <Certificates />
      <Card title="Backups">
        <p>A backup is taken while everything runs, and proven by restoring it elsewhere. Both are done from a terminal on the machine:</p>
        <Command label="Take a backup" text="postwright backup /var/backups/postwright" />
        <Command label="Prove it" text="postwright restore --verify /var/backups/postwright" />
      </Card>
    </>
  );
}

function Server() {
  const { data, error } = queries.useQuery("get", "/postwright/health");
  return (
    <Card title="Server">
      <Problem error={error} />
      {data && (
        <Facts
          of={[
            ["State", <Badge tone={data.status === "ok" ? "good" : "bad"}>{data.status}</Badge>],
            ["Version", data.version],
          ]}
        />
      )}
    </Card>
  );
}

/** Disk, clock, database, processes on all machines, names and addresses, each with what to do about it. */
function Doctor() {
  const [asked, setAsked] = useState(0);
  const { data, error, isFetching } = useGet<{ status: string; items: Line[] }>(asked ? `${DOCTOR}?${asked}` : null, { still: true });
  return (
    <Card
      title="Doctor"
      actions={
        <Button look="main" busy={isFetching} onPress={() => setAsked(asked + 1)}>
          Examine now
        </Button>
      }
    >
      <p className="quiet-text">Looks at disk, clock, database, processes of all machines, certificates, port 25, addresses and domains. It takes up to a minute.</p>
      <Problem error={error} />
      {isFetching && <Loading what="Looking" />}
      {data && <Told tone={data.status === "pass" ? "good" : data.status === "warn" ? "warn" : "bad"}>{VERDICTS[data.status] ?? data.status}</Told>}
      {data && (
        <Table
          name="Findings"
          rows={data.items}
          id={(row) => `${row.check} ${row.about}`}
          request={DOCTOR}
          columns={[
            { name: "State", cell: (row) => <Badge tone={TONES[row.status]}>{row.status}</Badge>, text: (row) => row.status },
            { name: "Check", cell: (row) => row.check, text: (row) => row.check },
            { name: "Of", cell: (row) => row.about, text: (row) => row.about },
            { name: "Found", cell: (row) => row.text, text: (row) => row.text },
            { name: "What to do", cell: (row) => row.fix, text: (row) => row.fix },
          ]}
        />
      )}
    </Card>
  );
}

function Certificates() {
  const { data, error, refetch } = queries.useQuery("get", "/postwright/v1/certificates", { params: { query: { limit: 100 } } });
  return (
    <Card title="Certificates">
      <Table
        name="Certificates"
        rows={data?.items}
        id={(row) => row.host}
        error={error}
        retry={() => void refetch()}
        request="/postwright/v1/certificates?limit=100"
        empty={<Empty title="None yet: they are obtained for tracking hosts of domains, and for names of the installation." />}
        columns={[
          { name: "Host", cell: (row) => row.host, text: (row) => row.host },
          { name: "State", cell: (row) => <Badge tone={TONES[row.state]}>{row.state}</Badge>, text: (row) => row.state },
          { name: "Issuer", cell: (row) => row.issuer, text: (row) => row.issuer },
          { name: "Valid until", cell: (row) => <Ago time={row.not_after} />, text: (row) => row.not_after },
          { name: "Next attempt", cell: (row) => <Ago time={row.next_attempt} />, text: (row) => row.next_attempt },
          { name: "Last error", cell: (row) => row.last_error, text: (row) => row.last_error },
        ]}
      />
    </Card>
  );
}
