// What happens to mail that comes in, and a place to try that out.
import { useState } from "react";
import { useQuery } from "@tanstack/react-query";

import { curl, queries } from "../api/client";
import { seg, send, useRefresh } from "../api/lists";
import type { components } from "../api/schema";
import { Badge, Button, Card, Empty, Field, Head, Loading, Problem, TextArea } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { Table } from "../ui/Table";
import { Told } from "../ui/Told";
import { href, useFilters } from "../ui/url";

type Route = components["schemas"]["RouteInfo"];
const SIZE = 100;

export default function Routes() {
  const [filters, change] = useFilters();
  const skip = Number(filters.skip) || 0;
  const query = { limit: SIZE, skip };
  const { data, error, refetch } = queries.useQuery("get", "/v3/routes", { params: { query } });
  const refresh = useRefresh();
  return (
    <>
      <Head title="Routes" about="Looked at from the smallest priority on; each one that matches is carried out, until one stops.">
        <Edit />
      </Head>
      <Table
        name="Routes"
        rows={data?.items}
        id={(row) => row.id}
        error={error}
        retry={() => void refetch()}
        request={href("/v3/routes", query)}
        next={skip + SIZE < (data?.total_count ?? 0) ? () => change({ skip: String(skip + SIZE) }) : undefined}
        previous={skip ? () => change({ skip: String(Math.max(0, skip - SIZE) || "") }) : undefined}
        empty={
          <Empty
            title="No routes: mail that comes in is taken for mailing lists and forwards only."
            command={curl("/v3/routes", "POST", [
              ["priority", "0"],
              ["expression", "catch_all()"],
              ["action", 'store()'],
            ])}
          />
        }
        columns={[
          { name: "Priority", cell: (row) => row.priority, text: (row) => row.priority, number: true },
          { name: "When", cell: (row) => <code>{row.expression}</code>, text: (row) => row.expression },
          {
            name: "Then",
            cell: (row) => row.actions.map((action, index) => <div key={index}><code>{action}</code></div>),
            text: (row) => row.actions.join(" "),
          },
          { name: "About", cell: (row) => row.description, text: (row) => row.description },
          {
            name: "Do",
            cell: (row) => (
              <div className="row">
                <Edit route={row} />
                <Ask
                  label="Delete"
                  look="danger"
                  title="Delete the route"
                  yes="Delete"
                  act={async () => {
                    await send("DELETE", `/v3/routes/${seg(row.id)}`);
                    await refresh();
                  }}
                >
                  <code>{row.expression}</code>
                </Ask>
              </div>
            ),
          },
        ]}
      />
      <Tester />
    </>
  );
}

const lines = (text: string) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** `Subject: Hello` in lines, as an object. */
function headersOf(text: string): Record<string, string> {
  return Object.fromEntries(
    lines(text).map((line) => {
      const at = line.indexOf(":");
      if (at < 1) throw new Error(`“${line}” is no header: write it as “Name: value”.`);
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

function Edit({ route }: { route?: Route }) {
  const [expression, setExpression] = useState("");
  const [action, setAction] = useState("");
  const [priority, setPriority] = useState("0");
  const [about, setAbout] = useState("");
  const refresh = useRefresh();
  return (
    <Ask
      label={route ? "Edit" : "New route"}
      title={route ? "Edit the route" : "A new route"}
      yes="Save"
      look={route ? "plain" : "main"}
      onOpen={() => {
        setExpression(route?.expression ?? 'match_recipient(".*@example.com")');
        setAction(route?.actions.join("\n") ?? "store()\nstop()");
        setPriority(String(route?.priority ?? 0));
        setAbout(route?.description ?? "");
      }}
      act={async () => {
        const body = { expression, action: lines(action), priority: Number(priority), description: about };
        await send(route ? "PUT" : "POST", route ? `/v3/routes/${seg(route.id)}` : "/v3/routes", body);
        await refresh();
      }}
    >
      <TextArea label="When" required rows={3} className="code" value={expression} onChange={(event) => setExpression(event.target.value)} hint={'match_recipient("…"), match_header("name", "…"), catch_all(); with and, or, not and parentheses'} />
      <TextArea label="Then" rows={4} className="code" value={action} onChange={(event) => setAction(event.target.value)} hint={'One a line: forward("address or URL"), store(notify="URL"), stop()'} />
      <Field label="Priority" type="number" value={priority} onChange={(event) => setPriority(event.target.value)} />
      <Field label="About" value={about} onChange={(event) => setAbout(event.target.value)} />
    </Ask>
  );
}

function Tester() {
  const [filters, change] = useFilters();
  const [recipient, setRecipient] = useState(filters.recipient ?? "");
  const [headers, setHeaders] = useState(filters.headers ?? "");
  const [expression, setExpression] = useState(filters.expression ?? "");
  const [action, setAction] = useState(filters.action ?? "");
  const asked = filters.recipient ?? "";
  const body = () => ({
    recipient: asked,
    headers: headersOf(filters.headers ?? ""),
    expression: filters.expression ?? "",
    action: lines(filters.action ?? ""),
  });
  const answer = useQuery({
    queryKey: ["route-test", asked, filters.headers, filters.expression, filters.action],
    queryFn: () => send<components["schemas"]["RouteTested"]>("POST", "/postwright/v1/routes/test", body()),
    enabled: asked !== "",
    retry: false,
  });
  const found = answer.data;
  return (
    <Card title="Try it out">
      <p className="quiet-text">Which routes a message would take, and what they would do. Nothing is sent.</p>
      <form
        className="two"
        onSubmit={(event) => {
          event.preventDefault();
          change({ recipient, headers, expression, action });
          if (recipient === asked) void answer.refetch();
        }}
      >
        <div className="stack">
          <Field label="Recipient" required value={recipient} onChange={(event) => setRecipient(event.target.value)} placeholder="support@mail.example.com" />
          <TextArea label="Header fields" rows={3} className="code" value={headers} onChange={(event) => setHeaders(event.target.value)} placeholder="Subject: Hello" />
        </div>
        <div className="stack">
          <TextArea label="A route that is not stored yet: when" rows={2} className="code" value={expression} onChange={(event) => setExpression(event.target.value)} placeholder={'match_header("subject", "invoice ([0-9]+)")'} />
          <TextArea label="Then" rows={2} className="code" value={action} onChange={(event) => setAction(event.target.value)} placeholder={'forward("billing@example.com")'} />
        </div>
        <div className="row">
          <Button look="main" type="submit">
            Try
          </Button>
        </div>
      </form>
      <Problem error={answer.error} />
      {asked && answer.isFetching && !found && <Loading />}
      {found && (
        <Told tone={found.items.length || found.draft_matches ? "good" : "warn"}>
          <div className="stack">
            {filters.expression && (
              <p>
                The route that is not stored {found.draft_matches ? "matches" : "does not match"}
                {found.draft_actions.map((each, index) => (
                  <code key={index}> {each}</code>
                ))}
              </p>
            )}
            <p>{found.items.length ? `Mail to ${found.recipient} takes ${found.items.length === 1 ? "this route" : "these routes"}:` : `No stored route takes mail to ${found.recipient}.`}</p>
            {found.items.map((hit) => (
              <div key={hit.route.id}>
                <Badge>{hit.route.priority}</Badge> <code>{hit.route.expression}</code>
                <ul className="inline-list">
                  {hit.actions.map((each, index) => (
                    <li key={index}>
                      <code>{each}</code>
                    </li>
                  ))}
                </ul>
              </div>
            ))}
          </div>
        </Told>
      )}
    </Card>
  );
}
