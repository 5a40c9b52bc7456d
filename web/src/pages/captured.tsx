import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useLocation, useParams } from "wouter";

import { api, call, curl, queries } from "../api/client";
import { Button, Card, Copy, Facts, Head, Loading, Problem, Source } from "../ui/Basics";
import { bytes, when } from "../ui/format";
import { Preview } from "../ui/Preview";
import { save, Table } from "../ui/Table";
import { Tabs } from "../ui/Tabs";

/** One message of the capture inbox, as it was delivered. */
export default function Captured() {
  const { number = "" } = useParams<{ number: string }>();
  const [, navigate] = useLocation();
  const cache = useQueryClient();
  const path = { number: Number(number) };
  const { data, error } = queries.useQuery("get", "/postwright/v1/capture/messages/{number}", { params: { path } }, { retry: false, meta: { still: true } });
  if (error) return <Problem error={error} />;
  if (!data) return <Loading />;
  const base = `/postwright/v1/capture/messages/${number}`;
  const remove = async () => {
    await api.DELETE("/postwright/v1/capture/messages/{number}", { params: { path } });
    await cache.invalidateQueries({ predicate: (query) => query.queryKey[1] === "/postwright/v1/capture/messages" });
    navigate("/inbox");
  };
  return (
    <>
      <Head title={data.subject || "(no subject)"} about={<Link href="/inbox">Capture inbox</Link>}>
        <Copy text={curl(base)} label="Copy as curl" />
        <Button look="danger" onPress={() => void remove()}>
          Delete
        </Button>
      </Head>
      <Card>
        <Facts
          of={[
            ["From", data.from],
            ["To", data.to],
            ["Envelope", `${data.sender} to ${data.recipient}`],
            ["Received", when(data.received_at)],
            ["Size", bytes(data.size)],
            ["Message-Id", <Link key="id" href={`/messages?message=${encodeURIComponent(data.message_id)}`}>{data.message_id}</Link>],
          ]}
        />
      </Card>
      <Tabs
        label="About this message"
        parts={[
          { id: "preview", title: "Preview", content: () => <Preview path={`${base}/preview`} /> },
          { id: "text", title: "Text", content: () => <Source label="Text" text={data.text ?? "(the message has no text part)"} /> },
          { id: "html", title: "HTML", content: () => <Source label="HTML" text={data.html ?? "(the message has no HTML part)"} /> },
          {
            id: "headers",
            title: "Headers",
            content: () => (
              <Table<[string, string]>
                name="Headers"
                rows={data.headers as [string, string][]}
                id={([name, value]) => name + value}
                columns={[
                  { name: "Name", cell: ([name]) => name, text: ([name]) => name },
                  { name: "Value", cell: ([, value]) => value, text: ([, value]) => value },
                ]}
              />
            ),
          },
          {
            id: "files",
            title: `Attachments (${data.attachments.length})`,
            content: () => (
              <Table
                name="Attachments"
                rows={data.attachments}
                id={(file) => file.filename + file.size}
                empty={<p className="quiet-text">None.</p>}
                columns={[
                  { name: "Name", cell: (file) => file.filename || "(no name)" },
                  { name: "Type", cell: (file) => file.content_type },
                  { name: "Size", number: true, cell: (file) => bytes(file.size) },
                ]}
              />
            ),
          },
          { id: "raw", title: "Raw", content: () => <Raw path={`${base}/raw`} name={`captured-${number}.eml`} /> },
        ]}
      />
    </>
  );
}

function Raw({ path, name }: { path: string; name: string }) {
  const { data, error } = useQuery({ queryKey: ["raw", path], meta: { still: true }, queryFn: async () => (await call(path)).blob() });
  const { data: text } = useQuery({ queryKey: ["raw text", path], enabled: !!data, meta: { still: true }, queryFn: async () => (await data!.slice(0, 200_000).text()) });
  if (error) return <Problem error={error} />;
  if (!data || text === undefined) return <Loading />;
  return (
    <div className="stack">
      <div className="row">
        <Button onPress={() => save(name, data)}>Save as .eml</Button>
        <Copy text={curl(path)} label="Copy as curl" />
      </div>
      <Source label="Raw message" text={text} />
    </div>
  );
}
