// Addresses that are warmed up: their limits day by day, and how much of today's is used.
import { curl, queries } from "../../api/client";
import { seg, send, useGet, useRefresh } from "../../api/lists";
import type { components } from "../../api/schema";
import { Ago, Badge, Button, Card, Empty, Facts, Problem } from "../../ui/Basics";
import { Chart } from "../../ui/Chart";
import { Ask } from "../../ui/Dialog";
import { count } from "../../ui/format";
import { Table } from "../../ui/Table";
import { useFilters } from "../../ui/url";

export function Warmups() {
  const { data, error, refetch } = queries.useQuery("get", "/v3/ip_warmups", { params: { query: { limit: 100 } } });
  const [filters, change] = useFilters();
  const shown = filters.ip || data?.items[0]?.ip;
  const refresh = useRefresh();
  return (
    <>
      <Table
        name="Warm-ups"
        rows={data?.items}
        id={(row) => row.ip}
        error={error}
        retry={() => void refetch()}
        request="/v3/ip_warmups?limit=100"
        empty={<Empty title="No address is being warmed up." command={curl("/v3/ip_warmups/192.0.2.10", "POST")} />}
        columns={[
          { name: "Address", cell: (row) => <code>{row.ip}</code>, text: (row) => row.ip },
          { name: "Day", cell: (row) => row.stage_number, text: (row) => row.stage_number, number: true },
          { name: "Limit today", cell: (row) => count(row.stage_volume_limit), text: (row) => row.stage_volume_limit, number: true },
          { name: "Used today", cell: (row) => row.sent_within_stage, text: (row) => row.sent_within_stage, number: true },
          { name: "Left of this hour", cell: (row) => `${row.throttle}%`, text: (row) => row.throttle, number: true },
          { name: "Since", cell: (row) => <Ago time={row.stage_start_time} />, text: (row) => row.stage_start_time },
          {
            name: "Do",
            cell: (row) => (
              <div className="row">
                <Button look="quiet" aria-label={`Show the curve of ${row.ip}`} onPress={() => change({ ip: row.ip })}>
                  Curve
                </Button>
                <Ask
                  label="End"
                  look="danger"
                  title={`End the warm-up of ${row.ip}`}
                  yes="End the warm-up"
                  act={async () => {
                    await send("DELETE", `/v3/ip_warmups/${seg(row.ip)}`);
                    await refresh();
                  }}
                >
                  <p>The address sends without a limit from now on.</p>
                </Ask>
              </div>
            ),
          },
        ]}
      />
      {shown && <Curve ip={shown} />}
    </>
  );
}

function Curve({ ip }: { ip: string }) {
  const { data, error } = useGet<{ details: components["schemas"]["WarmupDetails"] }>(`/v3/ip_warmups/${seg(ip)}`);
  const whole = useGet<components["schemas"]["WarmupPlan"]>(`/postwright/v1/ip_warmups/${seg(ip)}/plan`);
  const plan = data?.details;
  if (!plan) return <Problem error={error ?? whole.error} />;
  const limits = whole.data?.limits ?? [];
  return (
    <Card title={`The curve of ${ip}`} actions={plan.held ? <Badge tone="warn">{plan.held}</Badge> : undefined}>
      <Facts
        of={[
          ["Day", `${plan.stage_number} of ${plan.total_stages}`],
          ["Limit of an hour", count(plan.hourly_limit)],
          ["Begun", <Ago time={plan.plan_started_at} />],
          ["Last step", <Ago time={plan.plan_last_updated_at} />],
        ]}
      />
      {limits.length > 0 && (
        <Chart
          label={`Limits of ${ip} by day`}
          kind="bar"
          stacked
          labels={limits.map((_, index) => `Day ${index + 1}`)}
          series={[
            { name: "Reached", values: limits.map((limit, index) => (index < plan.stage_number ? limit : 0)), color: 2 },
            { name: "To come", values: limits.map((limit, index) => (index < plan.stage_number ? 0 : limit)), color: 1 },
          ]}
        />
      )}
    </Card>
  );
}
