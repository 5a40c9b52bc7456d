// The webhooks of a domain, and those of the whole account.
import { useState } from "react";

import { curl } from "../../api/client";
import { seg, send, useGet, useRefresh } from "../../api/lists";
import type { components } from "../../api/schema";
import { DomainPicker } from "../../shell/DomainPicker";
import { useDomain } from "../../shell/domain";
import { Badge, Card, Check, Choice, Empty, Field } from "../../ui/Basics";
import { Ask } from "../../ui/Dialog";
import { Table, type Column } from "../../ui/Table";
import { Told } from "../../ui/Told";
import { TYPES } from "./types";

type AccountHook = components["schemas"]["HookInfo"];

/** A URL and what it is told of. */
interface Hook {
  url: string;
  types: string[];
  id?: string;
  about?: string;
}

/** By URL, what the API gives by type. */
function byUrl(webhooks: Record<string, { urls: string[] }>): Hook[] {
  const found = new Map<string, string[]>();
  for (const [type, { urls }] of Object.entries(webhooks)) for (const url of urls) found.set(url, [...(found.get(url) ?? []), type]);
  return [...found].map(([url, types]) => ({ url, types }));
}

const COLUMNS: Column<Hook>[] = [
  { name: "URL", cell: (row) => <code>{row.url}</code>, text: (row) => row.url },
  {
    name: "Told of",
    cell: (row) => row.types.map((type) => <Badge key={type}>{TYPES.find(([each]) => each === type)?.[1] ?? type}</Badge>),
    text: (row) => row.types.join(" "),
  },
];

export function Hooks() {
  const [domain] = useDomain();
  const v3 = `/v3/domains/${seg(domain)}/webhooks`;
  const v4 = `/v4/domains/${seg(domain)}/webhooks`;
  const ofDomain = useGet<{ webhooks: Record<string, { urls: string[] }> }>(domain ? v3 : null);
  const ofAccount = useGet<{ webhooks: AccountHook[] }>("/v1/webhooks");
  const refresh = useRefresh();
  const after = async (work: Promise<unknown>) => {
    await work;
    await refresh();
  };
  return (
    <>
      <Card
        title={`Of the domain ${domain}`}
        actions={
          <>
            <Edit label="New webhook" look="main" save={(url, event_types) => after(send("POST", v4, { url, event_types }))} />
          </>
        }
      >
        <DomainPicker />
        <Table
          name={`Webhooks of ${domain}`}
          rows={ofDomain.data && byUrl(ofDomain.data.webhooks)}
          id={(row) => row.url}
          error={ofDomain.error}
          request={v3}
          empty={
            <Empty
              title="Nobody is told of what happens in this domain."
              command={curl(v3, "POST", [
                ["id", "delivered"],
                ["url", "https://example.com/hooks"],
              ])}
            />
          }
          columns={[
            ...COLUMNS,
            {
              name: "Do",
              cell: (row) => (
                <div className="row">
                  <Test domain={domain} hook={row} />
                  <Edit label="Edit" hook={row} save={(url, event_types) => after(send("PUT", v4, { url, event_types }))} />
                  <Remove url={row.url} act={() => after(send("DELETE", v4, { url: [row.url] }))} />
                </div>
              ),
            },
          ]}
        />
      </Card>
      <Card
        title="Of the account"
        actions={<Edit label="New webhook of the account" save={(url, event_types) => after(send("POST", "/v1/webhooks", { url, event_types }))} />}
      >
        <p className="quiet-text">Told of what happens in all domains. A URL that stands in both is told once.</p>
        <Table
          name="Webhooks of the account"
          rows={ofAccount.data?.webhooks.map((hook): Hook => ({ url: hook.url, types: hook.event_types, id: hook.webhook_id, about: hook.description }))}
          id={(row) => row.id ?? row.url}
          error={ofAccount.error}
          request="/v1/webhooks"
          columns={[
            ...COLUMNS,
            {
              name: "Do",
              cell: (row) => (
                <div className="row">
                  <Edit label="Edit" hook={row} canMove save={(url, event_types) => after(send("PUT", `/v1/webhooks/${seg(row.id ?? "")}`, { url, event_types }))} />
                  <Remove url={row.url} act={() => after(send("DELETE", `/v1/webhooks/${seg(row.id ?? "")}`))} />
                </div>
              ),
            },
          ]}
        />
      </Card>
    </>
  );
}

interface EditProps {
  label: string;
  look?: "main" | "plain";
  hook?: Hook;
  /** Whether the URL of a hook that is there can be changed. */
  canMove?: boolean;
  save: (url: string, types: string[]) => Promise<unknown>;
}

function Edit({ label, look, hook, canMove, save }: EditProps) {
  const [url, setUrl] = useState("");
  const [types, setTypes] = useState<string[]>([]);
  return (
    <Ask
      label={label}
      look={look}
      title={hook ? "What the URL is told of" : "A new webhook"}
      yes="Save"
      onOpen={() => {
        setUrl(hook?.url ?? "");
        setTypes(hook?.types ?? ["delivered", "permanent_fail"]);
      }}
      act={() => save(url.trim(), types)}
    >
      <Field label="URL" type="url" required value={url} readOnly={Boolean(hook) && !canMove} onChange={(event) => setUrl(event.target.value)} placeholder="https://example.com/hooks" />
      <fieldset className="stack">
        <legend>Told of</legend>
        {TYPES.map(([type, name]) => (
          <Check key={type} label={name} checked={types.includes(type)} onChange={(yes) => setTypes(yes ? [...types, type] : types.filter((each) => each !== type))} />
        ))}
      </fieldset>
    </Ask>
  );
}

function Remove({ url, act }: { url: string; act: () => Promise<unknown> }) {
  return (
    <Ask label="Delete" look="danger" title="Delete the webhook" yes="Delete the webhook" act={act}>
      <p>
        <code>{url}</code> is told of nothing any more; calls that still wait are dropped.
      </p>
    </Ask>
  );
}

function Test({ domain, hook }: { domain: string; hook: Hook }) {
  const [type, setType] = useState("");
  const [answer, setAnswer] = useState<{ code: number; message: string } | null>(null);
  const chosen = type || hook.types[0] || "delivered";
  return (
    <>
      <Ask
        label="Test"
        title="Send a made-up event"
        yes="Send"
        onOpen={() => setAnswer(null)}
        act={async () => setAnswer(await send("PUT", `/v3/domains/${seg(domain)}/webhooks/${chosen}/test`, { url: [hook.url] }))}
      >
        <Choice label="Event" value={chosen} onChange={(event) => setType(event.target.value)} options={TYPES} />
        <p className="quiet-text">It is signed like a real one, so that the receiver's checks can be tried, too.</p>
      </Ask>
      {answer && (
        <Told tone={answer.code < 300 ? "good" : "bad"}>
          The receiver answered {answer.code}: <code>{answer.message || "nothing"}</code>
        </Told>
      )}
    </>
  );
}
