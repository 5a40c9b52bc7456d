// Who gets no mail from a domain, and who always does: four lists, one search.
import { useState } from "react";
import { useQueries } from "@tanstack/react-query";
import { Link } from "wouter";

import { call, curl } from "../api/client";
import { everything, seg, send, useRefresh, type Paged } from "../api/lists";
import { DomainPicker } from "../shell/DomainPicker";
import { useDomain } from "../shell/domain";
import { Ago, Badge, Button, Choice, Empty, Field, Head, type Tone } from "../ui/Basics";
import { Ask } from "../ui/Dialog";
import { SearchField } from "../ui/SearchField";
import { csv, save, Table, type Column } from "../ui/Table";
import { Told } from "../ui/Told";
import { href, useFilters } from "../ui/url";

const KINDS = ["bounces", "complaints", "unsubscribes", "whitelists"] as const;
type Kind = (typeof KINDS)[number];
const NAMES: Record<Kind, string> = { bounces: "Bounce", complaints: "Complaint", unsubscribes: "Unsubscribe", whitelists: "Always allowed" };
const TONES: Record<Kind, Tone> = { bounces: "bad", complaints: "bad", unsubscribes: "warn", whitelists: "good" };
const OPTIONS: [string, string][] = KINDS.map((kind) => [kind, `${NAMES[kind]}s`.replace("alloweds", "allowed")]);
const SIZE = 100;

/** What the lists give, as one. */
interface Item {
  kind: Kind;
  address: string;
  why: string;
  since: string;
}

interface Raw {
  address?: string;
  value?: string;
  error?: string;
  code?: string;
  reason?: string;
  tags?: string[];
  created_at?: string;
  createdAt?: string;
}

function item(kind: Kind, raw: Raw): Item {
  const tags = raw.tags?.filter((tag) => tag !== "*").join(", ");
  const why = [raw.code, raw.error ?? raw.reason ?? (tags ? `of ${tags}` : "")].filter(Boolean).join(" ");
  return { kind, address: raw.address ?? raw.value ?? "", why, since: raw.created_at ?? raw.createdAt ?? "" };
}

const COLUMNS: Column<Item>[] = [
  { name: "List", cell: (row) => <Badge tone={TONES[row.kind]}>{NAMES[row.kind]}</Badge>, text: (row) => row.kind },
  { name: "Address", cell: (row) => <Link href={href("/messages", { recipient: row.address })}>{row.address}</Link>, text: (row) => row.address },
  { name: "Why", cell: (row) => row.why, text: (row) => row.why },
  { name: "Since", cell: (row) => <Ago time={row.since} />, text: (row) => row.since },
];

export default function Suppressions() {
  const [domain] = useDomain();
  const [filters, change] = useFilters();
  const refresh = useRefresh();
  const kinds = KINDS.filter((kind) => !filters.kind || filters.kind === kind);
  const first = new URLSearchParams({ limit: String(SIZE), ...(filters.search ? { term: filters.search.trim() } : {}) }).toString();
  // Of one list alone all pages can be gone through; of several the first hundred of each are shown.
  const single = kinds.length === 1;
  const path = (kind: Kind) => `/v3/${seg(domain)}/${kind}?${(single && filters.at) || first}`;
  const answers = useQueries({
    queries: kinds.map((kind) => ({
      queryKey: ["path", path(kind)],
      queryFn: async () => (await (await call(path(kind))).json()) as Paged<Raw>,
      enabled: domain !== "",
    })),
  });
  const error = answers.find((answer) => answer.error)?.error;
  const ready = answers.every((answer) => answer.data);
  const rows = ready ? answers.flatMap((answer, index) => answer.data!.items.map((raw) => item(kinds[index]!, raw))) : undefined;
  const cut = kinds.filter((_, index) => (answers[index]?.data?.items.length ?? 0) >= SIZE);
  const links = single ? answers[0]?.data?.paging : undefined;
  const to = (link: string) => () => change({ at: new URL(link).search.slice(1) });
  return (
    <>
      <Head title="Suppressions" about="What stands in one of the first three lists gets no mail from the domain.">
        <Add domain={domain} />
        <Import domain={domain} />
        <Button onPress={() => void exported(domain, kinds)}>Export</Button>
      </Head>
      <div className="filters">
        <DomainPicker />
        <SearchField label="Address begins with" value={filters.search ?? ""} onChange={(search) => change({ search, at: "" })} />
        <Choice label="List" value={filters.kind ?? ""} onChange={(event) => change({ kind: event.target.value, at: "" })} options={[["", "All"], ...OPTIONS]} />
      </div>
      {!single && cut.length > 0 && (
        <p className="quiet-text">
          The first {SIZE} of each list are shown. All of one list:{" "}
          {cut.map((kind) => (
            <Button key={kind} look="quiet" onPress={() => change({ kind, at: "" })}>
              {OPTIONS.find(([each]) => each === kind)?.[1]}
            </Button>
          ))}
        </p>
      )}
      <Table
        name="Suppressions"
        rows={domain ? rows : []}
        id={(row) => `${row.kind} ${row.address}`}
        error={error}
        retry={() => void refresh()}
        request={path(kinds[0] ?? "bounces")}
        command={single ? undefined : kinds.map((kind) => curl(path(kind))).join("\n")}
        next={single && rows?.length === SIZE && links ? to(links.next) : undefined}
        previous={single && filters.at && links ? to(links.previous) : undefined}
        empty={
          <Empty
            title={filters.search ? "Nobody whose address begins like that stands in these lists." : "Nobody stands in these lists."}
            command={curl(`/v3/${domain}/unsubscribes`, "POST", [["address", "bob@example.net"]])}
          >
            <p>Bounces, complaints and unsubscribes come here by themselves. To put somebody here:</p>
          </Empty>
        }
        columns={[
          ...COLUMNS,
          {
            name: "Do",
            cell: (row) => (
              <Ask
                label="Remove"
                look="danger"
                title={`Remove ${row.address}`}
                yes="Remove"
                act={async () => {
                  await send("DELETE", `/v3/${seg(domain)}/${row.kind}/${seg(row.address)}`);
                  await refresh();
                }}
              >
                <p>
                  {row.kind === "whitelists"
                    ? "Bounces of this address will count again."
                    : "Mail to this address will be sent again. Whoever complained or unsubscribed should have asked for that."}
                </p>
              </Ask>
            ),
          },
        ]}
      />
    </>
  );
}

async function exported(domain: string, kinds: readonly Kind[]): Promise<void> {
  const all: Item[] = [];
  for (const kind of kinds) all.push(...(await everything<Raw>(`/v3/${seg(domain)}/${kind}`)).map((raw) => item(kind, raw)));
  save(`suppressions-${domain}.csv`, csv(COLUMNS, all), "text/csv");
}

function Add({ domain }: { domain: string }) {
  const [kind, setKind] = useState<string>("unsubscribes");
  const [address, setAddress] = useState("");
  const refresh = useRefresh();
  return (
    <Ask
      label="Add"
      title={`Add an address for ${domain}`}
      yes="Add"
      act={async () => {
        await send("POST", `/v3/${seg(domain)}/${kind}`, { address: address.trim() });
        await refresh();
        setAddress("");
      }}
    >
      <Choice label="To the list" value={kind} onChange={(event) => setKind(event.target.value)} options={OPTIONS} />
      <Field label="Address" required type="email" value={address} onChange={(event) => setAddress(event.target.value)} />
    </Ask>
  );
}

function Import({ domain }: { domain: string }) {
  const [kind, setKind] = useState<string>("bounces");
  const [file, setFile] = useState<File | null>(null);
  const [told, setTold] = useState("");
  const refresh = useRefresh();
  return (
    <>
      <Ask
        label="Import"
        title={`Import a file for ${domain}`}
        yes="Import"
        onOpen={() => setTold("")}
        act={async () => {
          if (!file) throw new Error("Choose a file.");
          const form = new FormData();
          form.set("file", file);
          const answer = (await (await call(`/v3/${seg(domain)}/${kind}/import`, { method: "POST", body: form })).json()) as { message: string };
          setTold(answer.message);
          await refresh();
        }}
      >
        <Choice label="Into the list" value={kind} onChange={(event) => setKind(event.target.value)} options={OPTIONS} />
        <Field
          label="CSV file"
          type="file"
          accept=".csv,text/csv"
          onChange={(event) => setFile(event.target.files?.[0] ?? null)}
          hint="Its first line names the columns: address, and for bounces code and error; optionally created_at and tags."
        />
      </Ask>
      <Told>{told}</Told>
    </>
  );
}

