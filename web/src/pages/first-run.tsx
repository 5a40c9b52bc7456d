import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";

import { api, curl, queries } from "../api/client";
import { useDomain } from "../shell/domain";
import { DomainPicker } from "../shell/DomainPicker";
import { Badge, Button, Card, Command, Field, Head, Problem } from "../ui/Basics";
import { messagePath, stateOf, type Event } from "../ui/events";

/** From nothing to a delivered message, here or in a terminal. */
export default function FirstRun() {
  const [domain] = useDomain();
  const [to, setTo] = useState("you@example.com");
  const [sent, setSent] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const fields: [string, string][] = [
    ["from", `Me <me@${domain}>`],
    ["to", to],
    ["subject", "Hello"],
    ["text", "It works."],
  ];
  const send = async () => {
    setBusy(true);
    setError(null);
    try {
      const body = { from: fields[0]![1], to: [to], subject: "Hello", text: "It works." };
      const { data } = await api.POST("/v3/{domain}/messages", { params: { path: { domain } }, body: body as never });
      setSent(((data as { id?: string } | undefined)?.id ?? "").replace(/[<>]/g, ""));
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Head title="First run" about="From nothing to a delivered message." />
      <Card title="1. A domain to send from">
        <DomainPicker />
        <p className="quiet-text">
          The sandbox domain works at once, for trying. <Link href="/domains">Add your own domain</Link> and its DNS records when you go on.
        </p>
      </Card>
      <Card title="2. Send a message">
        <form
          className="filters"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <Field label="To" type="email" required value={to} onChange={(event) => setTo(event.target.value)} />
          <Button look="main" type="submit" busy={busy}>
            Send
          </Button>
        </form>
        <Problem error={error} />
        <p className="quiet-text">The same from a terminal, with a key of yours:</p>
        <Command text={curl(`/v3/${domain || "YOUR-DOMAIN"}/messages`, "POST", fields)} label="Send with curl" />
      </Card>
      <Card title="3. See what happened">{sent ? <Happened domain={domain} id={sent} /> : <p className="quiet-text">Send a message first: what happens to it appears here.</p>}</Card>
      <Card title="4. Go on">
        <ul className="plain-list">
          <li>
            <Link href="/keys">Make an API key</Link> for your program. Clients written for Mailgun work with this base URL: <code>{location.origin}</code>
          </li>
          <li>
            <Link href="/webhooks">Tell a URL of yours</Link> what happens to messages.
          </li>
          <li>
            <Link href="/inbox">Look into the capture inbox</Link>, where mail of an instance for testing ends.
          </li>
        </ul>
      </Card>
    </>
  );
}

function Happened({ domain, id }: { domain: string; id: string }) {
  const query = { "message-id": [id], limit: 100, ascending: true };
  // Asked again each second until it is delivered: here somebody waits for it.
  const { data } = queries.useQuery(
    "get",
    "/v3/{domain}/events",
    { params: { path: { domain }, query } },
    { refetchInterval: (asked) => ((asked.state.data?.items as unknown as Event[] | undefined)?.some((each) => each.event === "delivered") ? false : 1000) },
  );
  const items = (data?.items ?? []) as unknown as Event[];
  const captured = useCaptured(id);
  return (
    <>
      <ol className="timeline">
        {items.map((event) => {
          const [name, tone] = stateOf(event);
          return (
            <li key={event.id}>
              <Badge tone={tone}>{name}</Badge>
              <span>{event.recipient}</span>
              <span className="quiet-text">{event["delivery-status"]?.message}</span>
            </li>
          );
        })}
      </ol>
      <div className="row" aria-live="polite">
        {items.length === 0 && <span>Waiting for its first event…</span>}
        {items[0] && <Link href={messagePath(items[0])}>Everything about this message</Link>}
        {captured && <Link href={`/inbox/${captured}`}>Open it in the inbox</Link>}
      </div>
    </>
  );
}

/** The number under which the capture inbox has a message, once it is there. */
function useCaptured(id: string) {
  const { data } = useQuery({
    queryKey: ["captured", id],
    retry: false,
    queryFn: async () => {
      const { data: found } = await api.GET("/postwright/v1/capture/messages", { params: { query: { message_id: id, limit: 1 } } });
      return found?.items[0]?.id ?? null;
    },
  });
  return data;
}
