// The queue's levers: first a look at what one would move, then the pull.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Dialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";

import { api, curl } from "../api/client";
import type { components } from "../api/schema";
import { Button, Check, Choice, Copy, Field, Problem } from "./Basics";
import { count } from "./format";
import { useFilters } from "./url";

type Done = components["schemas"]["postwright.operations.schemas.Done"];
type Verb = "pause" | "requeue" | "cancel" | "reroute";

const VERBS: [Verb, string][] = [
  ["pause", "Pause: hold what fits, also what comes later"],
  ["requeue", "Requeue: try now what waits for its next try"],
  ["cancel", "Cancel: fail what fits, for good"],
  ["reroute", "Reroute: send what fits another way"],
];
const FILTERS: [string, string][] = [
  ["domain", "Sending domain"],
  ["recipient_domain", "Recipient domain"],
  ["provider", "Provider"],
  ["tag", "Tag"],
  ["source_ip", "Source address"],
];

export function Lever() {
  return (
    <DialogTrigger>
      <Button look="main">Pull a lever</Button>
      <ModalOverlay className="overlay" isDismissable>
        <Modal className="modal">
          <Dialog>{({ close }) => <Pull close={close} />}</Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}

function Pull({ close }: { close: () => void }) {
  const cache = useQueryClient();
  const [shown] = useFilters();
  const [verb, setVerb] = useState<Verb>("pause");
  const [fields, setFields] = useState<Record<string, string>>(Object.fromEntries(FILTERS.map(([name]) => [name, shown[name] ?? ""])));
  const [all, setAll] = useState(false);
  const [looked, setLooked] = useState<Done | null>(null);
  const [done, setDone] = useState<Done | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const change = (changes: Record<string, string>) => {
    setFields({ ...fields, ...changes });
    setLooked(null);
  };
  const given = FILTERS.filter(([name]) => fields[name]?.trim()).map(([name]) => [name, fields[name]!.trim()]);
  const more = verb === "reroute" ? [["to_smarthost", fields.to_smarthost ?? ""], ["to_source_ip", fields.to_source_ip ?? ""]].filter(([, value]) => value) : [];
  const body = { ...Object.fromEntries([...given, ...more]), all, note: fields.note ?? "" };

  const pull = async (dryRun: boolean) => {
    setBusy(true);
    setError(null);
    try {
      const { note, ...rest } = body;
      const noted = verb === "pause" || verb === "reroute" ? { ...rest, note } : rest;
      const { data } = await api.POST(`/postwright/v1/queue/${verb}` as "/postwright/v1/queue/pause", { body: { ...noted, dry_run: dryRun } });
      if (dryRun) setLooked(data ?? null);
      else {
        setDone(data ?? null);
        await cache.invalidateQueries();
      }
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };

  if (done) {
    return (
      <div className="stack">
        <Heading slot="title">Done</Heading>
        <p role="status">
          {done.message} ({count(done.count)} recipients{done.skipped ? `, ${count(done.skipped)} were being sent at that moment` : ""})
          {!done.complete && " There is more: pull it again to go on."}
        </p>
        <div className="row end">
          <Button look="main" onPress={close}>
            Close
          </Button>
        </div>
      </div>
    );
  }
  const command = curl(`/postwright/v1/queue/${verb}`, "POST", Object.entries(body).filter(([, value]) => value).map(([name, value]) => [name, value === true ? "yes" : String(value)]));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void pull(!looked);
      }}
    >
      <Heading slot="title">Pull a lever</Heading>
      <Choice
        label="Lever"
        value={verb}
        options={VERBS}
        onChange={(event) => {
          setVerb(event.target.value as Verb);
          setLooked(null);
        }}
      />
      <div className="filters">
        {FILTERS.map(([name, label]) => (
          <Field key={name} label={label} value={fields[name] ?? ""} onChange={(event) => change({ [name]: event.target.value })} />
        ))}
      </div>
      {given.length === 0 && (
        <Check
          label="Everything, without a filter"
          checked={all}
          onChange={(yes) => {
            setAll(yes);
            setLooked(null);
          }}
        />
      )}
      {verb === "reroute" && (
        <div className="filters">
          <Field label="Over the smarthost" placeholder="host:port" value={fields.to_smarthost ?? ""} onChange={(event) => change({ to_smarthost: event.target.value })} />
          <Field label="Or from source addresses" value={fields.to_source_ip ?? ""} onChange={(event) => change({ to_source_ip: event.target.value })} />
        </div>
      )}
      {(verb === "pause" || verb === "reroute") && <Field label="Note for others" value={fields.note ?? ""} onChange={(event) => setFields({ ...fields, note: event.target.value })} />}
      <Problem error={error} />
      {looked && (
        <div className="notice" role="status">
          <p>
            {count(looked.count)} {looked.count === 1 ? "recipient" : "recipients"} in the queue {looked.complete ? "" : "(counted so far) "}would be affected
            {looked.sample.length > 0 ? `: ${looked.sample.slice(0, 5).map((row) => row.recipient).join(", ")}${looked.count > 5 ? ", …" : ""}` : "."}
          </p>
        </div>
      )}
      <div className="row end">
        <Copy text={command} label="Copy as curl" />
        <Button onPress={close}>Close</Button>
        {looked ? (
          <Button look={verb === "cancel" ? "danger" : "main"} type="submit" busy={busy}>
            {`${verb[0]!.toUpperCase()}${verb.slice(1)} now`}
          </Button>
        ) : (
          <Button look="main" type="submit" busy={busy}>
            Look first
          </Button>
        )}
      </div>
    </form>
  );
}
