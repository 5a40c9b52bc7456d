// The key that calls are signed with, how to check a signature, and whether one holds.
import { useState } from "react";

import { send, useGet, useRefresh } from "../../api/lists";
import type { components } from "../../api/schema";
import { Button, Card, Choice, Command, Field, Problem, Source } from "../../ui/Basics";
import { Ask } from "../../ui/Dialog";
import { Told } from "../../ui/Told";

export function Signature() {
  return (
    <div className="two">
      <Key />
      <Try />
      <Card title="In your program">
        <Samples />
      </Card>
    </div>
  );
}

function Key() {
  const { data, error } = useGet<{ http_signing_key: string }>("/v5/accounts/http_signing_key", { still: true });
  const [shown, setShown] = useState(false);
  const refresh = useRefresh();
  return (
    <Card
      title="Signing key"
      actions={
        <Ask
          label="Replace"
          look="danger"
          title="Replace the signing key"
          yes="Replace the key"
          act={async () => {
            await send("POST", "/v5/accounts/http_signing_key");
            await refresh();
          }}
        >
          <p>From now on calls are signed with the new key: receivers that know only the old one refuse them until they know it.</p>
        </Ask>
      }
    >
      <Problem error={error} />
      {shown && data ? <Command text={data.http_signing_key} label="The signing key" /> : <Button onPress={() => setShown(true)}>Show the key</Button>}
    </Card>
  );
}

function Try() {
  const [timestamp, setTimestamp] = useState("");
  const [token, setToken] = useState("");
  const [signature, setSignature] = useState("");
  const [judged, setJudged] = useState<components["schemas"]["SignatureJudged"] | null>(null);
  const [error, setError] = useState<unknown>(null);
  return (
    <Card title="Does a signature hold?">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          setJudged(null);
          setError(null);
          void send<components["schemas"]["SignatureJudged"]>("POST", "/postwright/v1/webhooks/verify", { timestamp, token, signature }).then(setJudged).catch(setError);
        }}
      >
        <Field label="timestamp" required value={timestamp} onChange={(event) => setTimestamp(event.target.value)} />
        <Field label="token" required value={token} onChange={(event) => setToken(event.target.value)} />
        <Field label="signature" required value={signature} onChange={(event) => setSignature(event.target.value)} />
        <div className="row">
          <Button look="main" type="submit">
            Check
          </Button>
        </div>
      </form>
      <Problem error={error} />
      {judged && <Told tone={judged.valid ? "good" : "bad"}>{judged.message}</Told>}
    </Card>
  );
}

const SAMPLES: [string, string][] = [
  [
    "Python",
    `import hashlib, hmac, time

def is_genuine(key: str, body: dict) -> bool:
    sent = body["signature"]
    made = hmac.new(key.encode(), (sent["timestamp"] + sent["token"]).encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(made, sent["signature"]) and abs(time.time() - int(sent["timestamp"])) < 300`,
  ],
  [
    "JavaScript",
    `import { createHmac, timingSafeEqual } from "node:crypto";

export function isGenuine(key, body) {
  const { timestamp, token, signature } = body.signature;
  const made = createHmac("sha256", key).update(timestamp + token).digest("hex");
  const same = made.length === signature.length && timingSafeEqual(Buffer.from(made), Buffer.from(signature));
  return same && Math.abs(Date.now() / 1000 - Number(timestamp)) < 300;
}`,
  ],
  [
    "PHP",
    `function is_genuine(string $key, array $body): bool {
    $sent = $body["signature"];
    $made = hash_hmac("sha256", $sent["timestamp"] . $sent["token"], $key);
    return hash_equals($made, $sent["signature"]) && abs(time() - (int) $sent["timestamp"]) < 300;
}`,
  ],
];

function Samples() {
  const [language, setLanguage] = useState("Python");
  return (
    <>
      <Choice label="Language" value={language} onChange={(event) => setLanguage(event.target.value)} options={SAMPLES.map(([name]) => [name, name])} />
      <Source label="How to check a signature" text={SAMPLES.find(([name]) => name === language)?.[1] ?? ""} />
    </>
  );
}
