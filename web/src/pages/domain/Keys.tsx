// The DKIM keys of a domain.
import { useState } from "react";

import { curl } from "../../api/client";
import { seg, send, useGet, useRefresh } from "../../api/lists";
import type { components } from "../../api/schema";
import { Badge, Button, Card, Choice, Copy, Empty, Field, Problem } from "../../ui/Basics";
import { Ask } from "../../ui/Dialog";
import { Table } from "../../ui/Table";
import { Told } from "../../ui/Told";

type Key = components["schemas"]["postwright.domains.schemas.keys.KeyInfo"];

export function Keys({ domain }: { domain: string }) {
  const path = `/v4/domains/${seg(domain)}/keys`;
  const { data, error } = useGet<{ items: Key[] }>(path);
  const [told, setTold] = useState("");
  const [wrong, setWrong] = useState<unknown>(null);
  const refresh = useRefresh();
  const run = async (work: () => Promise<{ message?: string }>) => {
    setWrong(null);
    setTold("");
    try {
      setTold((await work()).message ?? "Done");
    } catch (problem) {
      setWrong(problem);
    }
    await refresh();
  };
  return (
    <Card
      title="DKIM keys"
      actions={
        <>
          <Ask
            label="Rotate now"
            title="Rotate the DKIM key"
            yes="Rotate"
            act={async () => {
              setTold((await send("POST", `/v1/dkim_management/domains/${seg(domain)}/rotate`)).message ?? "");
              await refresh();
            }}
          >
            <p>A new key is made; mail is signed with it once its record is found in DNS, and the old one is kept until then.</p>
          </Ask>
          <Automatic domain={domain} />
          <NewKey domain={domain} />
        </>
      }
    >
      <Told>{told}</Told>
      <Problem error={wrong} />
      <Table
        name="DKIM keys"
        rows={data?.items}
        error={error}
        id={(row) => row.selector}
        request={path}
        empty={<Empty title="No key of its own: mail is signed by the domain above." command={curl(path)} />}
        columns={[
          { name: "Selector", cell: (row) => row.selector, text: (row) => row.selector },
          {
            name: "State",
            cell: (row) => <Badge tone={row.dns_record.is_active ? "good" : ""}>{row.dns_record.is_active ? "signs" : "rests"}</Badge>,
            text: (row) => (row.dns_record.is_active ? "signs" : "rests"),
          },
          { name: "DNS", cell: (row) => row.dns_record.valid, text: (row) => row.dns_record.valid },
          {
            name: "Record",
            cell: (row) => (
              <span className="record-value">
                <code className="clamp">{row.dns_record.value}</code>
                <Copy text={`${row.dns_record.name ?? ""} TXT ${row.dns_record.value}`} label="Copy record" />
              </span>
            ),
            text: (row) => row.dns_record.value,
          },
          {
            name: "Do",
            cell: (row) => (
              <div className="row">
                <Button look="quiet" onPress={() => void run(() => send("PUT", `${path}/${seg(row.selector)}/${row.dns_record.is_active ? "deactivate" : "activate"}`))}>
                  {row.dns_record.is_active ? "Deactivate" : "Activate"}
                </Button>
                <Ask
                  label="Delete"
                  look="danger"
                  title={`Delete the key ${row.selector}`}
                  yes="Delete"
                  act={async () => {
                    await send("DELETE", "/v1/dkim/keys", { signing_domain: row.signing_domain, selector: row.selector });
                    await refresh();
                  }}
                >
                  <p>Signatures that were made with it can be checked as long as its record stays in DNS.</p>
                </Ask>
              </div>
            ),
          },
        ]}
      />
    </Card>
  );
}

function Automatic({ domain }: { domain: string }) {
  const [days, setDays] = useState("90");
  const refresh = useRefresh();
  return (
    <Ask
      label="Rotate by itself"
      title="Rotate the DKIM key by itself"
      yes="Save"
      act={async () => {
        const body = days === "0" ? { rotation_enabled: false } : { rotation_enabled: true, rotation_interval: `${days}d` };
        await send("PUT", `/v1/dkim_management/domains/${seg(domain)}/rotation`, body);
        await refresh();
      }}
    >
      <Choice
        label="How often"
        value={days}
        onChange={(event) => setDays(event.target.value)}
        options={[
          ["0", "Never"],
          ["30", "Every 30 days"],
          ["90", "Every 90 days"],
          ["180", "Every 180 days"],
        ]}
        hint="The records of both keys must be in DNS; those that are expected stand under DNS records."
      />
    </Ask>
  );
}

function NewKey({ domain }: { domain: string }) {
  const [selector, setSelector] = useState("");
  const [bits, setBits] = useState("2048");
  const refresh = useRefresh();
  return (
    <Ask
      label="New key"
      title="A further DKIM key"
      yes="Make the key"
      act={async () => {
        await send("POST", "/v1/dkim/keys", { signing_domain: domain, selector: selector.trim(), bits: Number(bits) });
        await refresh();
      }}
    >
      <Field label="Selector" required value={selector} onChange={(event) => setSelector(event.target.value)} placeholder="s2026" />
      <Choice label="Size" value={bits} onChange={(event) => setBits(event.target.value)} options={[["2048", "2048 bits"], ["1024", "1024 bits"]]} />
    </Ask>
  );
}
