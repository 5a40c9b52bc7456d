// One domain: its records, keys, settings and certificate.
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { call, queries } from "../api/client";
import { seg, send, useRefresh } from "../api/lists";
import { Ago, Badge, Button, Facts, Field, Head, Loading, Problem } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { Tabs } from "../ui/Tabs";
import { Told } from "../ui/Told";
import { useParam } from "../ui/url";
import { Certificate } from "./domain/Certificate";
import { Keys } from "./domain/Keys";
import { Records } from "./domain/Records";
import { Settings } from "./domain/Settings";
import { STATE_TONES } from "./domains";

export default function Domain() {
  const name = useParam("name");
  const { data, error, refetch } = queries.useQuery("get", "/v4/domains/{domain}", { params: { path: { domain: name } } });
  const checks = queries.useQuery("get", "/postwright/v1/domains/{domain}/checks", { params: { path: { domain: name } } });
  const refresh = useRefresh();
  const [asked, setAsked] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  const { domain } = data;
  const state = domain.is_disabled ? "disabled" : domain.state;
  const verify = async () => {
    setBusy(true);
    setAsked(null);
    await send("PUT", `/v4/domains/${seg(name)}/verify`).catch(setAsked);
    await refresh();
    setBusy(false);
  };
  return (
    <>
      <Head title={domain.name} about={<Link href="/domains">All domains</Link>}>
        <Badge tone={STATE_TONES[state]}>{state}</Badge>
        <Button look="main" busy={busy} onPress={() => void verify()}>
          {busy ? "Asking DNS…" : "Check DNS now"}
        </Button>
        <TestMail domain={name} />
        <Delete domain={name} />
      </Head>
      <Problem error={asked} />
      <Facts
        of={[
          ["Last check", <Ago time={checks.data?.domain.checked_at} />],
          ["Next check", <Ago time={checks.data?.domain.next_check_at} />],
          ["Proven", <Ago time={checks.data?.domain.proven_at} />],
          ["Failing since", checks.data?.domain.failing_since ? <Ago time={checks.data.domain.failing_since} /> : "not failing"],
        ]}
      />
      <Tabs
        label="Parts of the domain"
        parts={[
          { id: "records", title: "DNS records", content: () => <Records checks={checks.data} error={checks.error} name={name} /> },
          { id: "keys", title: "DKIM keys", content: () => <Keys domain={name} /> },
          { id: "settings", title: "Settings", content: () => <Settings domain={domain} /> },
          { id: "certificate", title: "Certificate", content: () => <Certificate domain={name} host={domain.tracking_host} /> },
        ]}
      />
    </>
  );
}

function TestMail({ domain }: { domain: string }) {
  const [to, setTo] = useState("");
  const [id, setId] = useState("");
  return (
    <>
      <Ask
        label="Send a test message"
        title={`A test message from ${domain}`}
        yes="Send"
        onOpen={() => setId("")}
        act={async () => {
          const form = new FormData();
          form.set("from", `Postwright <test@${domain}>`);
          form.set("to", to);
          form.set("subject", `A test message from ${domain}`);
          form.set("text", `This message was sent from the panel to see whether mail from ${domain} arrives.\n`);
          form.set("o:tag", "panel-test");
          const answer = (await (await call(`/v3/${seg(domain)}/messages`, { method: "POST", body: form })).json()) as { id: string };
          setId(answer.id.replace(/[<>]/g, ""));
        }}
      >
        <Field label="To" type="email" required value={to} onChange={(event) => setTo(event.target.value)} placeholder="you@example.com" />
      </Ask>
      {id && (
        <Told>
          Sent. <Link href={`/messages/${seg(domain)}/${seg(id)}`}>What becomes of it</Link>
        </Told>
      )}
    </>
  );
}

function Delete({ domain }: { domain: string }) {
  const [typed, setTyped] = useState("");
  const [, navigate] = useLocation();
  const refresh = useRefresh();
  return (
    <Ask
      label="Delete"
      title={`Delete ${domain}`}
      yes="Delete the domain"
      look="danger"
      onOpen={() => setTyped("")}
      act={async () => {
        if (typed.trim() !== domain) throw new Error("Type the name of the domain to confirm.");
        await send("DELETE", `/v3/domains/${seg(domain)}`);
        navigate("/domains");
        await refresh();
      }}
    >
      <p>Its suppressions, templates, webhooks and credentials go with it, and mail to it is refused from now on. This cannot be taken back.</p>
      <Field label="The domain's name, to confirm" value={typed} onChange={(event) => setTyped(event.target.value)} />
    </Ask>
  );
}
