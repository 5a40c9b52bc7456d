// The calls of the last seven days.
import { useState } from "react";

import { seg, send, useGet, usePages, useRefresh } from "../../api/lists";
import type { components } from "../../api/schema";
import { useDomains } from "../../shell/domain";
import { Ago, Badge, Button, Card, Choice, Empty, Facts, Field, Loading, Problem, Source, type Tone } from "../../ui/Basics";
import { Ask } from "../../ui/Dialog";
import { count } from "../../ui/format";
import { SearchField } from "../../ui/SearchField";
import { Table } from "../../ui/Table";
import { Told } from "../../ui/Told";
import { useFilters } from "../../ui/url";
import { TYPES } from "./types";

type Call = components["schemas"]["CallShown"];
const PATH = "/postwright/v1/webhooks/calls";
const TONES: Record<string, Tone> = { done: "good", "given up": "bad", queued: "info", sending: "info" };
const STATES: [string, string][] = [
  ["", "Any"],
  ["queued", "Waiting"],
  ["sending", "Being made"],
  ["done", "Done"],
  ["given up", "Given up"],
];

export function Calls() {
  const [filters, change] = useFilters();
  const { domains } = useDomains();
  const wanted = { domain: filters.of ?? "", state: filters.state ?? "", event_type: filters.type ?? "", url: filters.url ?? "" };
  const list = usePages<Call>(PATH, wanted);
  const set = (changes: Record<string, string>) => change({ ...changes, at: "" });
  return (
    <>
      <div className="filters">
        <Choice label="Domain" value={wanted.domain} onChange={(event) => set({ of: event.target.value })} options={[["", "All"], ...(domains ?? []).map((name): [string, string] => [name, name])]} />
        <Choice label="State" value={wanted.state} onChange={(event) => set({ state: event.target.value })} options={STATES} />
        <Choice label="Event" value={wanted.event_type} onChange={(event) => set({ type: event.target.value })} options={[["", "Any"], ...TYPES]} />
        <SearchField label="URL" value={wanted.url} onChange={(url) => set({ url })} />
        <Replay wanted={wanted} />
      </div>
      {filters.call && <One number={filters.call} close={() => change({ call: "" })} />}
      <Table
        name="Webhook calls"
        rows={list.items}
        id={(row) => row.id}
        error={list.error}
        retry={() => void list.refetch()}
        request={list.request}
        {...list.steps}
        empty={<Empty title="No calls of this kind in the last seven days." />}
        columns={[
          { name: "Made", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
          { name: "State", cell: (row) => <Badge tone={TONES[row.state]}>{row.state}</Badge>, text: (row) => row.state },
          { name: "Event", cell: (row) => row.event_type, text: (row) => row.event_type },
          { name: "URL", cell: (row) => <code>{row.url}</code>, text: (row) => row.url },
          { name: "Answer", cell: (row) => row.last_status || row.last_error || "–", text: (row) => row.last_status || row.last_error },
          { name: "Attempts", cell: (row) => row.attempts, text: (row) => row.attempts, number: true },
          { name: "Next", cell: (row) => (row.next_at ? <Ago time={row.next_at} /> : ""), text: (row) => row.next_at },
          {
            name: "Do",
            cell: (row) => (
              <Button look="quiet" aria-label={`Show call ${row.id}`} onPress={() => change({ call: String(row.id) })}>
                Show
              </Button>
            ),
          },
        ]}
      />
    </>
  );
}

function One({ number, close }: { number: string; close: () => void }) {
  const path = `${PATH}/${seg(number)}`;
  const { data, error } = useGet<components["schemas"]["CallDetail"]>(path);
  const refresh = useRefresh();
  const [wrong, setWrong] = useState<unknown>(null);
  return (
    <Card
      title={`Call ${number}`}
      actions={
        <>
          <Button
            look="main"
            onPress={() =>
              void send("POST", `${path}/retry`)
                .then(() => setWrong(null))
                .catch(setWrong)
                .then(refresh)
            }
          >
            Make it again
          </Button>
          <Button onPress={close}>Close</Button>
        </>
      }
    >
      <Problem error={error ?? wrong} />
      {!data && !error && <Loading />}
      {data && (
        <>
          <Facts
            of={[
              ["State", <Badge tone={TONES[data.state]}>{data.state}</Badge>],
              ["Last status", data.last_status || "no answer"],
              ["Last error", data.last_error || "none"],
              ["Attempts", data.attempts],
            ]}
          />
          <div className="two">
            <div className="stack">
              <h3>Request</h3>
              <p className="quiet-text">POST {data.url}, as JSON, with a signature made for each attempt:</p>
              <Source
                label="Request"
                text={data.event_data === null ? "The event has expired." : JSON.stringify({ signature: { timestamp: "…", token: "…", signature: "…" }, "event-data": data.event_data }, null, 2)}
              />
            </div>
            <div className="stack">
              <h3>Response</h3>
              <p className="quiet-text">The beginning of what the receiver said last.</p>
              <Source label="Response" text={`HTTP ${data.last_status || "–"}\n\n${data.response}`} />
            </div>
          </div>
        </>
      )}
    </Card>
  );
}

/** `datetime-local` has no zone: it is the browser's. */
const iso = (local: string) => (local ? new Date(local).toISOString() : undefined);
const local = (at: number) => new Date(at - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

function Replay({ wanted }: { wanted: { domain: string; state: string; event_type: string; url: string } }) {
  const [begin, setBegin] = useState("");
  const [end, setEnd] = useState("");
  const [found, setFound] = useState("");
  const [told, setTold] = useState("");
  const refresh = useRefresh();
  const ask = (dry_run: boolean) => {
    if (!begin) throw new Error("Say from when on.");
    return send<components["schemas"]["Replayed"]>("POST", "/postwright/v1/webhooks/replay", { ...wanted, begin: iso(begin), end: iso(end), dry_run });
  };
  const said = Object.entries(wanted).filter(([, value]) => value);
  return (
    <>
      <Ask
        label="Replay a time range"
        title="Make the calls of a time range again"
        yes="Replay"
        onOpen={() => {
          setBegin(local(Date.now() - 3_600_000));
          setEnd("");
          setFound("");
          setTold("");
        }}
        act={async () => {
          const done = await ask(false);
          setTold(done.message + (done.complete ? "" : "; there are more, replay again with a later beginning"));
          await refresh();
        }}
      >
        <p>{said.length ? `Of the calls with ${said.map(([name, value]) => `${name} ${value}`).join(", ")}.` : "Of all calls of the account; filters of the list narrow that."}</p>
        <Field label="From" type="datetime-local" required value={begin} onChange={(event) => setBegin(event.target.value)} />
        <Field label="Until" type="datetime-local" value={end} onChange={(event) => setEnd(event.target.value)} hint="Left empty: until now." />
        <div className="row">
          <Button onPress={() => void Promise.resolve().then(() => ask(true)).then((done) => setFound(`${count(done.count)} calls`)).catch((error: Error) => setFound(error.message))}>
            How many are that?
          </Button>
          <span role="status">{found}</span>
        </div>
        <p className="quiet-text">Receivers know events by their id: one that is told twice should be taken once.</p>
      </Ask>
      <Told>{told}</Told>
    </>
  );
}
