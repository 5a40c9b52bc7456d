// The certificate of a domain's tracking host.
import { useState } from "react";

import { curl, queries } from "../../api/client";
import { seg, send, useRefresh } from "../../api/lists";
import { Ago, Badge, Button, Card, Empty, Facts, Problem, type Tone } from "../../ui/Basics";

const TONES: Record<string, Tone> = { active: "good", processing: "info", expired: "bad", error: "bad" };

export function Certificate({ domain, host }: { domain: string; host: string }) {
  const all = queries.useQuery("get", "/postwright/v1/certificates", { params: { query: { limit: 300 } } });
  const [error, setError] = useState<unknown>(null);
  const refresh = useRefresh();
  const found = all.data?.items.find((each) => each.host === host);
  const obtain = async () => {
    setError(null);
    try {
      await send(found ? "PUT" : "POST", `/v2/x509/${seg(domain)}`);
    } catch (problem) {
      setError(problem);
    }
    await refresh();
  };
  return (
    <Card
      title={`Certificate of ${host}`}
      actions={<Button onPress={() => void obtain()}>{found ? "Obtain a new one" : "Obtain a certificate"}</Button>}
    >
      <Problem error={error ?? all.error} />
      {found ? (
        <Facts
          of={[
            ["State", <Badge tone={TONES[found.state]}>{found.state}</Badge>],
            ["Issuer", found.issuer || "–"],
            ["Valid from", <Ago time={found.not_before} />],
            ["Valid until", <Ago time={found.not_after} />],
            ["Next attempt", <Ago time={found.next_attempt} />],
            ["Failed attempts", found.attempts],
            ["Last error", found.last_error || "none"],
          ]}
        />
      ) : (
        <Empty title="There is none yet." command={curl(`/v2/x509/${domain}`, "POST")}>
          <p>Links in mail can be https once there is one. The tracking host has to lead here first.</p>
        </Empty>
      )}
    </Card>
  );
}
