// What holds for all mail of a domain.
import { useState, type FormEvent } from "react";

import { queries } from "../../api/client";
import { seg, send, useRefresh } from "../../api/lists";
import type { components } from "../../api/schema";
import { Button, Card, Choice, Problem } from "../../ui/Basics";
import { Told } from "../../ui/Told";

const YES_NO: [string, string][] = [
  ["yes", "Yes"],
  ["no", "No"],
];
const word = (yes: boolean) => (yes ? "yes" : "no");

export function Settings({ domain }: { domain: components["schemas"]["DomainInfo"] }) {
  return (
    <div className="two">
      <Delivery domain={domain} />
      <Tracking name={domain.name} />
    </div>
  );
}

function useSaving(work: (form: FormData) => Promise<unknown>) {
  const [told, setTold] = useState("");
  const [error, setError] = useState<unknown>(null);
  const refresh = useRefresh();
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setTold("");
    setError(null);
    void work(new FormData(event.currentTarget))
      .then(() => setTold("Saved."))
      .catch(setError)
      .then(refresh);
  };
  return { told, error, onSubmit };
}

function Delivery({ domain }: { domain: components["schemas"]["DomainInfo"] }) {
  const saving = useSaving((form) =>
    send("PUT", `/v4/domains/${seg(domain.name)}`, {
      require_tls: form.get("require_tls") === "yes",
      skip_verification: form.get("skip_verification") === "yes",
      wildcard: form.get("wildcard") === "yes",
      spam_action: form.get("spam_action"),
      web_scheme: form.get("web_scheme"),
    }),
  );
  return (
    <Card title="Delivery and receiving">
      <form className="stack" onSubmit={saving.onSubmit}>
        <Choice label="Require TLS" name="require_tls" defaultValue={word(domain.require_tls)} options={YES_NO} hint="Mail that cannot be sent encrypted is not sent." />
        <Choice label="Skip certificate checks" name="skip_verification" defaultValue={word(domain.skip_verification)} options={YES_NO} />
        <Choice label="Accept mail for all subdomains" name="wildcard" defaultValue={word(domain.wildcard)} options={YES_NO} />
        <Choice
          label="Spam that comes in"
          name="spam_action"
          defaultValue={domain.spam_action}
          options={[
            ["disabled", "Is delivered"],
            ["tag", "Is tagged"],
            ["block", "Is refused"],
          ]}
        />
        <Choice label="Tracking links" name="web_scheme" defaultValue={domain.web_scheme} options={[["https", "https"], ["http", "http"]]} />
        <Told>{saving.told}</Told>
        <Problem error={saving.error} />
        <div className="row end">
          <Button look="main" type="submit">
            Save
          </Button>
        </div>
      </form>
    </Card>
  );
}

function Tracking({ name }: { name: string }) {
  const { data } = queries.useQuery("get", "/v3/domains/{domain}/tracking", { params: { path: { domain: name } } });
  const path = `/v3/domains/${seg(name)}/tracking`;
  const saving = useSaving(async (form) => {
    await send("PUT", `${path}/open`, { active: form.get("open") === "yes" });
    await send("PUT", `${path}/click`, { active: form.get("click") });
    await send("PUT", `${path}/unsubscribe`, { active: form.get("unsubscribe") === "yes" });
  });
  if (!data) return null;
  const { open, click, unsubscribe } = data.tracking;
  return (
    <Card title="Tracking">
      <form className="stack" onSubmit={saving.onSubmit}>
        <Choice label="Opens" name="open" defaultValue={word(open.active)} options={YES_NO} />
        <Choice label="Clicks" name="click" defaultValue={typeof click.active === "string" ? click.active : word(click.active)} options={[...YES_NO, ["htmlonly", "In HTML only"]]} />
        <Choice label="Unsubscribe links" name="unsubscribe" defaultValue={word(unsubscribe.active)} options={YES_NO} />
        <Told>{saving.told}</Told>
        <Problem error={saving.error} />
        <div className="row end">
          <Button look="main" type="submit">
            Save
          </Button>
        </div>
      </form>
    </Card>
  );
}
