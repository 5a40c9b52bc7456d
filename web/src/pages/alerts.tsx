// Who is told when something needs attention.
import { useState } from "react";

import { curl, queries } from "../api/client";
import { seg, send, useRefresh } from "../api/lists";
import { Ago, Badge, Card, Choice, Empty, Field, Head } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { Table } from "../ui/Table";
import { Told } from "../ui/Told";

const CHANNELS: [string, string][] = [
  ["email", "E-mail"],
  ["webhook", "Webhook"],
];
const METRICS: [string, string][] = [
  ["hard_bounce_rate", "Hard bounces"],
  ["temporary_fail_rate", "Deferrals"],
  ["complained_rate", "Complaints"],
  ["delivered_rate", "Deliveries"],
];
const PERIODS: [string, string][] = [
  ["1h", "Within an hour"],
  ["1d", "Within a day"],
  ["7d", "Within 7 days"],
];
const DIMENSIONS: [string, string][] = [
  ["domain", "Sending domain"],
  ["recipient_provider", "Provider"],
  ["ip", "Source address"],
  ["ip_pool", "Pool"],
  ["subaccount", "Subaccount"],
];

export default function Alerts() {
  return (
    <>
      <Head title="Alerts" about="Told once when something begins, not for as long as it lasts." />
      <Settings />
      <Thresholds />
      <Hits />
    </>
  );
}

function Settings() {
  const { data, error, refetch } = queries.useQuery("get", "/v1/alerts/settings");
  const types = queries.useQuery("get", "/v1/alerts/events");
  const refresh = useRefresh();
  return (
    <Card title="Who is told of what" actions={<NewSetting types={types.data?.events ?? []} />}>
      <Table
        name="Who is told of what"
        rows={data?.events}
        id={(row) => row.id}
        error={error}
        retry={() => void refetch()}
        request="/v1/alerts/settings"
        empty={<Empty title="Nobody is told of anything yet." command={curl("/v1/alerts/events")} />}
        columns={[
          { name: "Of", cell: (row) => row.event_type.replaceAll("_", " "), text: (row) => row.event_type },
          { name: "By", cell: (row) => row.channel, text: (row) => row.channel },
          {
            name: "To",
            cell: (row) => row.settings.emails?.join(", ") ?? row.settings.url ?? row.settings.channel_ids?.join(", "),
            text: (row) => row.settings.emails?.join(" ") ?? row.settings.url,
          },
          { name: "State", cell: (row) => <Badge tone={row.disabled_at ? "bad" : "good"}>{row.disabled_at ? "out of use" : "works"}</Badge>, text: (row) => row.disabled_at },
          {
            name: "Do",
            cell: (row) => (
              <div className="row">
                {row.channel !== "slack" && <Test channel={row.channel} type={row.event_type} emails={row.settings.emails ?? []} url={row.settings.url ?? ""} />}
                <Ask
                  label="Delete"
                  look="danger"
                  title="Delete the alert"
                  yes="Delete the alert"
                  act={async () => {
                    await send("DELETE", `/v1/alerts/settings/events/${seg(row.id)}`);
                    await refresh();
                  }}
                >
                  <p>Nobody is told of “{row.event_type.replaceAll("_", " ")}” on this way any more.</p>
                </Ask>
              </div>
            ),
          },
        ]}
      />
    </Card>
  );
}

function NewSetting({ types }: { types: string[] }) {
  const [type, setType] = useState("");
  const [channel, setChannel] = useState("email");
  const [to, setTo] = useState("");
  const refresh = useRefresh();
  return (
    <Ask
      label="New alert"
      look="main"
      title="A new alert"
      yes="Save"
      act={async () => {
        const settings = channel === "email" ? { emails: to.split(",").map((each) => each.trim()).filter(Boolean) } : { url: to.trim() };
        await send("POST", "/v1/alerts/settings/events", { event_type: type || types[0], channel, settings });
        await refresh();
      }}
    >
      <Choice label="Of what" value={type || types[0]} onChange={(event) => setType(event.target.value)} options={types.map((each) => [each, each.replaceAll("_", " ")])} />
      <Choice label="By" value={channel} onChange={(event) => setChannel(event.target.value)} options={CHANNELS} />
      <Field label={channel === "email" ? "Addresses, with commas" : "URL"} required value={to} onChange={(event) => setTo(event.target.value)} />
    </Ask>
  );
}

function Test({ channel, type, emails, url }: { channel: string; type: string; emails: string[]; url: string }) {
  const [told, setTold] = useState("");
  return (
    <>
      <Ask
        label="Test"
        title="Send a test alert"
        yes="Send"
        onOpen={() => setTold("")}
        act={async () => {
          const answer = channel === "email" ? await send("POST", "/v1/alerts/email/test", { event_type: type, emails }) : await send("POST", "/v1/alerts/webhooks/test", { event_type: type, url });
          setTold(answer.message ?? "Sent.");
        }}
      >
        <p>To {emails.join(", ") || url}.</p>
      </Ask>
      <Told>{told}</Told>
    </>
  );
}

function Thresholds() {
  const { data, error, refetch } = queries.useQuery("get", "/v1/thresholds/alerts/send");
  const refresh = useRefresh();
  return (
    <Card title="Thresholds of sending" actions={<NewThreshold />}>
      <Table
        name="Thresholds of sending"
        rows={data?.items}
        id={(row) => row.id}
        error={error}
        retry={() => void refetch()}
        request="/v1/thresholds/alerts/send"
        empty={<Empty title="No thresholds yet." />}
        columns={[
          { name: "Name", cell: (row) => row.name, text: (row) => row.name },
          { name: "When", cell: (row) => `${row.metric.replaceAll("_", " ")} ${row.comparator} ${row.limit} in ${row.period}, by ${row.dimension.replaceAll("_", " ")}`, text: (row) => `${row.metric} ${row.comparator} ${row.limit}` },
          { name: "Told by", cell: (row) => row.alert_channels.join(", ") || "–", text: (row) => row.alert_channels.join(" ") },
          { name: "Last looked", cell: (row) => <Ago time={row.last_checked} />, text: (row) => row.last_checked },
          {
            name: "Do",
            cell: (row) => (
              <Ask
                label="Delete"
                look="danger"
                title={`Delete ${row.name}`}
                yes="Delete the threshold"
                act={async () => {
                  await send("DELETE", `/v1/thresholds/alerts/send/${seg(row.name)}`);
                  await refresh();
                }}
              >
                <p>{row.description || row.metric}</p>
              </Ask>
            ),
          },
        ]}
      />
    </Card>
  );
}

function NewThreshold() {
  const [name, setName] = useState("");
  const [metric, setMetric] = useState("hard_bounce_rate");
  const [comparator, setComparator] = useState(">");
  const [limit, setLimit] = useState("0.05");
  const [period, setPeriod] = useState("1h");
  const [dimension, setDimension] = useState("domain");
  const refresh = useRefresh();
  return (
    <Ask
      label="New threshold"
      title="A new threshold"
      yes="Save"
      act={async () => {
        await send("POST", "/v1/thresholds/alerts/send", { name: name.trim(), metric, comparator, limit, period, dimension, alert_channels: ["email"] });
        await refresh();
      }}
    >
      <Field label="Name" required value={name} onChange={(event) => setName(event.target.value)} placeholder="too many bounces" />
      <Choice label="The share of" value={metric} onChange={(event) => setMetric(event.target.value)} options={METRICS} />
      <Choice label="Is" value={comparator} onChange={(event) => setComparator(event.target.value)} options={[[">", "Above"], ["<", "Below"]]} />
      <Field label="Limit" required value={limit} onChange={(event) => setLimit(event.target.value)} hint="A share: 0.05 is 5 %." />
      <Choice label="In" value={period} onChange={(event) => setPeriod(event.target.value)} options={PERIODS} />
      <Choice label="Of each" value={dimension} onChange={(event) => setDimension(event.target.value)} options={DIMENSIONS} />
    </Ask>
  );
}

function Hits() {
  const { data, error } = queries.useQuery("get", "/v1/thresholds/hits", { params: { query: { limit: 100 } } });
  return (
    <Card title="Passed thresholds">
      <Table
        name="Passed thresholds"
        rows={data?.items}
        id={(row) => row.id}
        error={error}
        request="/v1/thresholds/hits?limit=100"
        empty={<Empty title="None was passed." />}
        columns={[
          { name: "Threshold", cell: (row) => row.name, text: (row) => row.name },
          { name: "Of", cell: (row) => row.dimension_value, text: (row) => row.dimension_value },
          { name: "Value", cell: (row) => `${row.latest_value} ${row.comparator} ${row.limit}`, text: (row) => row.latest_value },
          { name: "State", cell: (row) => <Badge tone={row.triggered ? "bad" : "good"}>{row.triggered ? "passed" : "over"}</Badge>, text: (row) => String(row.triggered) },
          { name: "Since", cell: (row) => <Ago time={row.created_at} />, text: (row) => row.created_at },
        ]}
      />
    </Card>
  );
}
