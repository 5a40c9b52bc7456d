import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";

import { api, call, curl, queries } from "../api/client";
import type { components } from "../api/schema";
import { Ago, Badge, Button, Card, Copy, Facts, Field, Head, Loading, Problem, Source, type Tone } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { about, stateOf, timeOf, type Event } from "../ui/events";
import { bytes, clockTime, span, when } from "../ui/format";
import { Preview } from "../ui/Preview";
import { save, Table } from "../ui/Table";
import { Tabs } from "../ui/Tabs";
import { useParam } from "../ui/url";

type Attempt = components["schemas"]["AttemptShown"];
type Why = components["schemas"]["WhyShown"];
type Call = components["schemas"]["CallShown"];

const TONES: Record<string, Tone> = { delivered: "good", failed: "bad", permanent: "bad", expired: "bad", suppressed: "bad", temporary: "warn", held: "warn", ambiguous: "warn", delayed: "info", done: "good", "given up": "bad" };

export default function Message() {
  const domain = useParam("domain");
  const id = useParam("id");
  const path = { domain, message_id: id };
  const events = queries.useQuery("get", "/v3/{domain}/events", {
    params: { path: { domain }, query: { "message-id": [id], limit: 300, ascending: true } },
  });
  const items = events.data?.items as unknown as Event[] | undefined;
  const accepted = items?.find((event) => event.event === "accepted") ?? items?.[0];
  const key = items?.find((event) => event.storage?.key)?.storage?.key ?? "";
  if (events.error) return <Problem error={events.error} retry={() => void events.refetch()} />;
  if (!items) return <Loading />;
  if (!accepted) {
    return (
      <>
        <Head title="Message" />
        <Problem error="There are no events of this message: either it never was, or it is older than what is kept." />
      </>
    );
  }
  const headers = accepted.message?.headers;
  return (
    <>
      <Head title={headers?.subject || "(no subject)"} about={<Link href={`/messages?domain=${domain}`}>{domain}</Link>}>
        <Actions domain={domain} id={id} storageKey={key} recipient={accepted.recipient ?? ""} />
      </Head>
      <Card>
        <Facts
          of={[
            ["From", headers?.from],
            ["To", headers?.to],
            ["Message-Id", <span key="id">{id} <Copy text={id} /></span>],
            ["Accepted", when(timeOf(accepted))],
            ["Size", accepted.message?.size ? bytes(accepted.message.size) : "–"],
            ["Tags", accepted.tags?.length ? accepted.tags.map((tag) => <Link key={tag} href={`/messages?tag=${encodeURIComponent(tag)}`}>{tag} </Link>) : "–"],
          ]}
        />
      </Card>
      <Reasons path={path} />
      <Tabs
        label="About this message"
        parts={[
          { id: "timeline", title: "Timeline", content: () => <Timeline items={items} request={`/v3/${domain}/events?message-id=${encodeURIComponent(id)}&ascending=yes`} /> },
          { id: "attempts", title: "Attempts", content: () => <Attempts path={path} /> },
          { id: "preview", title: "Preview", content: () => <Content domain={domain} storageKey={key} show="preview" /> },
          { id: "source", title: "Source", content: () => <Content domain={domain} storageKey={key} show="source" /> },
          { id: "headers", title: "Headers", content: () => <Content domain={domain} storageKey={key} show="headers" /> },
          { id: "raw", title: "Raw", content: () => <Raw domain={domain} storageKey={key} /> },
          { id: "webhooks", title: "Webhooks", content: () => <Webhooks path={path} /> },
        ]}
      />
    </>
  );
}

type Path = { domain: string; message_id: string };

/** Where each recipient is, and why. */
function Reasons({ path }: { path: Path }) {
  const { data, error } = queries.useQuery("get", "/postwright/v1/{domain}/messages/{message_id}/why", { params: { path } }, { retry: false });
  if (error) return null; // mail that came in has no delivery to explain
  return (
    <Card title="Where it is, and why">
      <Table<Why>
        name="Where it is"
        rows={data?.items}
        id={(row) => row.recipient}
        request={`/postwright/v1/${path.domain}/messages/${encodeURIComponent(path.message_id)}/why`}
        columns={[
          { name: "Recipient", cell: (row) => row.recipient, text: (row) => row.recipient },
          { name: "State", cell: (row) => <Badge tone={TONES[row.state] ?? "info"}>{row.state}</Badge>, text: (row) => row.state },
          { name: "Why", cell: (row) => row.text, text: (row) => row.text },
          { name: "Since", cell: (row) => <Ago time={row.since} />, text: (row) => row.since },
          { name: "Next try", cell: (row) => (row.next_try ? <Ago time={row.next_try} /> : "–"), text: (row) => row.next_try },
          { name: "Attempts", number: true, cell: (row) => row.attempts, text: (row) => row.attempts },
        ]}
      />
    </Card>
  );
}

function Timeline({ items, request }: { items: Event[]; request: string }) {
  return (
    <Card actions={<Copy text={curl(request)} label="Copy as curl" />} title="Timeline">
      <ol className="timeline">
        {items.map((event) => {
          const [name, tone] = stateOf(event);
          return (
            <li key={event.id}>
              <time title={when(timeOf(event))}>{clockTime(timeOf(event))}</time>
              <Badge tone={tone}>{name}</Badge>
              <span>
                {event.recipient} <span className="quiet-text">{about(event)}</span>
              </span>
            </li>
          );
        })}
      </ol>
    </Card>
  );
}

function Attempts({ path }: { path: Path }) {
  const { data, error } = queries.useQuery("get", "/postwright/v1/{domain}/messages/{message_id}/attempts", { params: { path, query: { limit: 300 } } }, { retry: false });
  if (error) return <Problem error={error} />;
  if (!data) return <Loading />;
  if (!data.items.length) return <p className="quiet-text">Nothing was tried yet.</p>;
  return data.items.map((attempt, index) => <OneAttempt key={index} attempt={attempt as Attempt} />);
}

function OneAttempt({ attempt }: { attempt: Attempt }) {
  const tls = attempt.tls;
  const facts: [string, ReactNode][] = [
    ["When", when(attempt.at)],
    ["What follows", attempt.decision || "–"],
    ["Next try", attempt.next_at ? when(attempt.next_at) : "–"],
    ["Host", attempt.mx_host ? `${attempt.mx_host} (${attempt.mx_ip})` : "–"],
    ["From", attempt.source_ip ? `${attempt.source_ip} as ${attempt.ehlo}` : "–"],
    ["Encryption", tls ? (tls.encrypted ? `${tls.version} ${tls.cipher}${tls.verified ? ", certificate verified" : ""}` : "none") : "–"],
    ["Took", attempt.seconds ? span(attempt.seconds) : "–"],
  ];
  return (
    <Card
      title={attempt.kind === "delay" ? `${attempt.recipient}: waited` : `${attempt.recipient}: attempt ${attempt.attempt}`}
      actions={<Badge tone={TONES[attempt.outcome] ?? "info"}>{attempt.outcome}</Badge>}
    >
      {attempt.reply && (
        <p>
          <code>
            {attempt.reply.code} {attempt.reply.enhanced_code} {attempt.reply.text}
          </code>
          {attempt.reply.command && <span className="quiet-text"> to {attempt.reply.command}</span>}
        </p>
      )}
      {(attempt.description || attempt.cause) && <p>{attempt.description || attempt.cause}</p>}
      <Facts of={facts} />
      {attempt.dialogue.length > 0 && (
        <details open>
          <summary>SMTP dialogue</summary>
          <div className="dialogue">
            {attempt.dialogue.map(([ms, who, text], index) => (
              <div key={index} className={who === "S" ? "server" : ""}>
                <span>{ms} ms</span>
                <span>{who === "S" ? "they" : "we"}</span>
                <span>{text}</span>
              </div>
            ))}
          </div>
        </details>
      )}
    </Card>
  );
}

const GONE = "The message itself is not kept any more (the domain's retention), or was deleted.";

function Content({ domain, storageKey, show }: { domain: string; storageKey: string; show: "preview" | "source" | "headers" }) {
  const { data, error } = queries.useQuery(
    "get",
    "/v3/domains/{domain}/messages/{key}",
    { params: { path: { domain, key: storageKey } } },
    { enabled: storageKey !== "", retry: false, meta: { still: true } },
  );
  if (!storageKey) return <p className="quiet-text">{GONE}</p>;
  if (error) return <Problem error={error} />;
  if (!data) return <Loading />;
  if (show === "preview") return <Preview path={`/postwright/v1/${domain}/stored/${storageKey}/preview`} />;
  if (show === "headers") {
    return (
      <Table<[string, string]>
        name="Headers"
        rows={data["message-headers"] as [string, string][]}
        id={([name, value]) => name + value}
        columns={[
          { name: "Name", cell: ([name]) => name, text: ([name]) => name },
          { name: "Value", cell: ([, value]) => value, text: ([, value]) => value },
        ]}
      />
    );
  }
  return (
    <div className="stack">
      {data["body-html"] && <Source label="HTML" text={data["body-html"]} />}
      {data["body-plain"] && <Source label="Text" text={data["body-plain"]} />}
      {data.attachments.map((file) => (
        <p key={file.url}>
          <a href={new URL(file.url).pathname} download={file.name}>
            {file.name || "(no name)"}
          </a>{" "}
          <span className="quiet-text">
            {file["content-type"]}, {bytes(file.size)}
          </span>
        </p>
      ))}
    </div>
  );
}

function Raw({ domain, storageKey }: { domain: string; storageKey: string }) {
  const path = `/v3/domains/${domain}/messages/${storageKey}`;
  const { data, error } = useQuery({
    queryKey: ["raw", path],
    enabled: storageKey !== "",
    retry: false,
    meta: { still: true },
    queryFn: async () => ((await (await call(path, { headers: { Accept: "message/rfc822" } })).json()) as { "body-mime": string })["body-mime"],
  });
  if (!storageKey) return <p className="quiet-text">{GONE}</p>;
  if (error) return <Problem error={error} />;
  if (data === undefined) return <Loading />;
  return (
    <div className="stack">
      <div className="row">
        <Button onPress={() => save(`${storageKey}.eml`, data, "message/rfc822")}>Save as .eml</Button>
        <Copy text={`${curl(path)} -H 'Accept: message/rfc822'`} label="Copy as curl" />
      </div>
      <Source label="Raw message" text={data.slice(0, 200_000)} />
    </div>
  );
}

function Webhooks({ path }: { path: Path }) {
  const { data, error } = queries.useQuery("get", "/postwright/v1/{domain}/messages/{message_id}/webhooks", { params: { path } });
  return (
    <Table<Call>
      name="Webhook calls"
      error={error}
      rows={data?.items}
      id={(row) => row.id}
      request={`/postwright/v1/${path.domain}/messages/${encodeURIComponent(path.message_id)}/webhooks`}
      empty={<p className="quiet-text">No webhook was told of this message.</p>}
      columns={[
        { name: "When", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
        { name: "Event", cell: (row) => row.event_type, text: (row) => row.event_type },
        { name: "URL", cell: (row) => row.url, text: (row) => row.url },
        { name: "State", cell: (row) => <Badge tone={TONES[row.state] ?? "info"}>{row.state}</Badge>, text: (row) => row.state },
        { name: "Answer", cell: (row) => row.last_status || row.last_error || "–", text: (row) => row.last_status || row.last_error },
        { name: "Attempts", number: true, cell: (row) => row.attempts, text: (row) => row.attempts },
      ]}
    />
  );
}

function Actions({ domain, id, storageKey, recipient }: { domain: string; id: string; storageKey: string; recipient: string }) {
  const cache = useQueryClient();
  const [to, setTo] = useState(recipient);
  const [said, setSaid] = useState("");
  const path = { domain, message_id: id };
  const { data: why } = queries.useQuery("get", "/postwright/v1/{domain}/messages/{message_id}/why", { params: { path } }, { retry: false });
  const waits = why?.items.some((each) => !["delivered", "failed", "suppressed"].includes(each.state));
  const acted = async (act: () => Promise<{ data?: { message?: string } | undefined }>) => {
    setSaid((await act()).data?.message ?? "");
    await cache.invalidateQueries();
  };
  return (
    <>
      {said && <span role="status">{said}</span>}
      {waits && <Button onPress={() => void acted(() => api.POST("/postwright/v1/{domain}/messages/{message_id}/requeue", { params: { path }, body: {} })).catch((error: Error) => setSaid(error.message))}>
        Try now
      </Button>}
      {storageKey && (
        <Ask
          label="Send again"
          title="Send again"
          yes="Send"
          act={() => acted(() => api.POST("/v3/domains/{domain}/messages/{key}", { params: { path: { domain, key: storageKey } }, body: { to: [to] } }))}
        >
          <p>The stored message goes out again, under a new Message-Id.</p>
          <Field label="To" value={to} required onChange={(event) => setTo(event.target.value)} />
        </Ask>
      )}
      {waits && <Ask
        label="Cancel"
        title="Cancel what is still to be sent?"
        yes="Cancel it for good"
        look="danger"
        act={() => acted(() => api.POST("/postwright/v1/{domain}/messages/{message_id}/cancel", { params: { path }, body: {} }))}
      >
        <p>Recipients that wait in the queue get nothing, and an event “failed” says so. This cannot be taken back.</p>
      </Ask>}
    </>
  );
}
