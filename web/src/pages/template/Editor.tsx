// A version of a template beside what it makes of test data.
import { useEffect, useState } from "react";
import { useQuery, keepPreviousData } from "@tanstack/react-query";
import { Link } from "wouter";

import { call } from "../../api/client";
import { seg, send, useRefresh } from "../../api/lists";
import type { components } from "../../api/schema";
import { Button, Card, Facts, Field, Loading, Problem, Source, TextArea } from "../../ui/Basics";
import { Ask } from "../../ui/Dialog";
import { Frame } from "../../ui/Frame";
import { Told } from "../../ui/Told";
import { useFilters } from "../../ui/url";
import type { Version } from "../template";
import { useOwner } from "./owner";

const DATA = "postwright.template-data";
const PAUSE_MS = 400; // after the last key

/** The text as it was a moment ago: what is asked for on each key would be asked for in vain. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

function parsed(data: string): Record<string, unknown> {
  const value: unknown = data.trim() ? JSON.parse(data) : {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("Test data is a JSON object.");
  return value as Record<string, unknown>;
}

export function Editor({ path, name, version }: { path: string; name: string; version: Version }) {
  const owner = useOwner();
  const refresh = useRefresh();
  const [, change] = useFilters();
  const [content, setContent] = useState(version.template ?? "");
  const [headers, setHeaders] = useState(version.headers);
  const [data, setData] = useState(() => localStorage.getItem(`${DATA}.${name}`) ?? '{\n  "name": "Ann"\n}');
  const [told, setTold] = useState("");
  const [error, setError] = useState<unknown>(null);
  const dirty = content !== (version.template ?? "") || JSON.stringify(headers) !== JSON.stringify(version.headers);
  const set = (header: string, value: string) => {
    const { [header]: _, ...rest } = headers;
    setHeaders(value ? { ...rest, [header]: value } : rest);
  };
  const one = `${path}/versions/${seg(version.tag)}`;
  const saveHere = async () => {
    setError(null);
    try {
      setTold((await send("PUT", one, { template: content, headers })).message ?? "Saved.");
    } catch (problem) {
      setError(problem);
    }
    await refresh();
  };
  return (
    <div className="two">
      <Card
        title={`Version ${version.tag}${dirty ? " (changed)" : ""}`}
        actions={
          <>
            <Button look="main" onPress={() => void saveHere()}>
              Save
            </Button>
            <SaveAs
              act={async (tag, comment) => {
                await send("POST", `${path}/versions`, { tag, comment, template: content, headers });
                await refresh();
                change({ version: tag.trim().toLowerCase() });
              }}
            />
            <SendTest domain={owner.domain} name={name} tag={version.tag} dirty={dirty} data={data} />
          </>
        }
      >
        <Told>{told}</Told>
        <Problem error={error} />
        <div className="form-grid">
          {["Subject", "From", "Reply-To"].map((header) => (
            <Field key={header} label={header} value={headers[header] ?? ""} onChange={(event) => set(header, event.target.value)} />
          ))}
        </div>
        <TextArea label="HTML with {{holes}}" className="code" rows={18} spellCheck={false} value={content} onChange={(event) => setContent(event.target.value)} />
        <TextArea
          label="Test data (JSON)"
          className="code"
          rows={5}
          spellCheck={false}
          value={data}
          onChange={(event) => {
            setData(event.target.value);
            localStorage.setItem(`${DATA}.${name}`, event.target.value);
          }}
          hint="What messages give as t:variables. Kept in this browser."
        />
      </Card>
      <Card title="What it makes of the test data">
        <Preview domain={owner.domain} content={content} headers={headers} data={data} />
      </Card>
    </div>
  );
}

interface PreviewProps {
  domain: string;
  content: string;
  headers: Record<string, string>;
  data: string;
}

function Preview({ domain, content, headers, data }: PreviewProps) {
  const key = useSettled(JSON.stringify([domain, content, headers, data]));
  const { data: made, error } = useQuery({
    queryKey: ["render", key],
    queryFn: () => {
      const [domain, content, headers, data] = JSON.parse(key) as [string, string, Record<string, string>, string];
      return send<components["schemas"]["Rendered"]>("POST", `/postwright/v1/${seg(domain)}/templates/render`, { content, headers, variables: parsed(data) });
    },
    enabled: domain !== "" && content !== "",
    placeholderData: keepPreviousData,
    retry: false,
    meta: { still: true },
  });
  const [asText, setAsText] = useState(false);
  if (!made) return error ? <Problem error={error} /> : <Loading />;
  return (
    <>
      <Problem error={error} />
      <Facts of={Object.entries(made.headers)} />
      {asText ? <Source text={made.text} label="As text" /> : <Frame html={made.html} title="The filled template" />}
      <div className="row">
        <Button look="quiet" onPress={() => setAsText(!asText)}>
          {asText ? "Show HTML" : "Show as text"}
        </Button>
      </div>
    </>
  );
}

function SaveAs({ act }: { act: (tag: string, comment: string) => Promise<void> }) {
  const [tag, setTag] = useState("");
  const [comment, setComment] = useState("");
  return (
    <Ask label="Save as new version" title="Save as a new version" yes="Save" act={() => act(tag, comment)}>
      <Field label="Tag" required value={tag} onChange={(event) => setTag(event.target.value)} placeholder="v2" />
      <Field label="Comment" value={comment} onChange={(event) => setComment(event.target.value)} hint="It is used once it is made active." />
    </Ask>
  );
}

function SendTest({ domain, name, tag, dirty, data }: { domain: string; name: string; tag: string; dirty: boolean; data: string }) {
  const [to, setTo] = useState("");
  const [id, setId] = useState("");
  return (
    <>
      <Ask
        label="Send a test"
        title={`Send ${name}, version ${tag}`}
        yes="Send"
        onOpen={() => setId("")}
        act={async () => {
          const form = new FormData();
          form.set("from", `Test <test@${domain}>`);
          form.set("to", to);
          form.set("template", name);
          form.set("t:version", tag);
          form.set("t:variables", JSON.stringify(parsed(data)));
          form.set("t:text", "yes");
          form.set("o:tag", "panel-test");
          const answer = (await (await call(`/v3/${seg(domain)}/messages`, { method: "POST", body: form })).json()) as { id: string };
          setId(answer.id.replace(/[<>]/g, ""));
        }}
      >
        {dirty && <p className="notice">What was changed and not saved is not in it.</p>}
        <Field label="To" type="email" required value={to} onChange={(event) => setTo(event.target.value)} placeholder="you@example.com" />
        <p className="quiet-text">Sent from {domain}, filled with the test data.</p>
      </Ask>
      {id && (
        <Told>
          Sent. <Link href={`/messages/${seg(domain)}/${seg(id)}`}>What becomes of it</Link>
        </Told>
      )}
    </>
  );
}
