// The small parts that every page is made of.
import { useEffect, useId, useState, type ComponentProps, type ReactNode } from "react";
import { Button as AriaButton, type ButtonProps } from "react-aria-components";
import { Link } from "wouter";

import { ApiError } from "../api/client";
import { ago, when, type Time } from "./format";

type Look = "main" | "plain" | "quiet" | "danger";

/** A button. `busy`: what it started is under way; it keeps the focus, and does nothing more. */
export function Button({ look = "plain", busy, ...props }: Omit<ButtonProps, "className"> & { look?: Look; busy?: boolean }) {
  const more = busy ? { onPress: undefined, type: "button" as const, "data-busy": true } : {};
  return <AriaButton {...props} {...more} className={`button ${look}`} />;
}

/** The head of a page: its title, and what can be done with it. */
export function Head({ title, children, about }: { title: string; children?: ReactNode; about?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Postwright`;
  }, [title]);
  return (
    <header className="head">
      <div>
        <h1>{title}</h1>
        {about && <p className="quiet-text">{about}</p>}
      </div>
      <div className="row">{children}</div>
    </header>
  );
}

export function Card({ title, actions, children, className = "" }: { title?: string; actions?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={`card ${className}`} aria-label={title}>
      {(title || actions) && (
        <div className="card-head">
          <h2>{title}</h2>
          <div className="row">{actions}</div>
        </div>
      )}
      {children}
    </section>
  );
}

/** A number that leads to the list behind it. */
export function Figure({ label, value, to, about, tone }: { label: string; value: ReactNode; to?: string; about?: ReactNode; tone?: Tone }) {
  const inside = (
    <>
      <span className="figure-label">{label}</span>
      <span className={`figure-value ${tone ?? ""}`}>{value}</span>
      {about && <span className="quiet-text">{about}</span>}
    </>
  );
  return to ? (
    <Link href={to} className="figure">
      {inside}
    </Link>
  ) : (
    <div className="figure">{inside}</div>
  );
}

export type Tone = "good" | "bad" | "warn" | "info" | "";

export function Badge({ tone = "", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}

/** A time as people say it; the exact one when pointed at. It goes on counting. */
export function Ago({ time }: { time: Time }) {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((tick) => tick + 1), 10_000);
    return () => clearInterval(timer);
  }, []);
  return <time title={when(time)}>{ago(time)}</time>;
}

/** What went wrong, in the server's words, and what to do. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error) return null;
  const message = error instanceof Error ? error.message : String(error);
  const status = error instanceof ApiError ? error.status : undefined;
  return (
    <div className="problem" role="alert">
      <span>
        {message}
        {status === 403 && " (your role does not allow this; an administrator can do it or give you another role)"}
      </span>
      {retry && (
        <Button look="quiet" onPress={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Loading({ what = "Loading" }: { what?: string }) {
  return (
    <p className="loading" role="status">
      {what}…
    </p>
  );
}

/** Put a text on the clipboard. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 2000);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    if (await copied(text)) setDone(true);
  };
  return (
    <Button look="quiet" onPress={() => void copy()}>
      <span aria-live="polite">{done ? "Copied" : label}</span>
    </Button>
  );
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP browsers have no clipboard for pages, but still know the old command.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const worked = document.execCommand("copy");
    area.remove();
    return worked;
  }
}

/** A command to type somewhere else. */
export function Command({ text, label = "Command" }: { text: string; label?: string }) {
  return (
    <div className="command">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code>{text}</code>
      </pre>
      <Copy text={text} />
    </div>
  );
}

/** Nothing here yet: says what would be here, and the command that puts something here. */
export function Empty({ title, children, command }: { title: string; children?: ReactNode; command?: string }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
      {command && <Command text={command} label="A command that works" />}
    </div>
  );
}

/** A text of several lines that scrolls in its own frame. */
export function Source({ text, label }: { text: string; label: string }) {
  return (
    <pre className="source" tabIndex={0} role="region" aria-label={label}>
      {text}
    </pre>
  );
}

/** Pairs of name and value. */
export function Facts({ of }: { of: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? "–"}</dd>
        </div>
      ))}
    </dl>
  );
}

type FieldProps = { label: string; hint?: ReactNode };

function Labelled({ id, label, hint, children }: FieldProps & { id: string; children: ReactNode }) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children}
      {hint && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

const described = (id: string, hint: ReactNode) => (hint ? `${id}-hint` : undefined);

/** An input with its label. */
export function Field({ label, hint, ...props }: FieldProps & ComponentProps<"input">) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <input id={id} aria-describedby={described(id, hint)} {...props} />
    </Labelled>
  );
}

export function TextArea({ label, hint, ...props }: FieldProps & ComponentProps<"textarea">) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <textarea id={id} aria-describedby={described(id, hint)} {...props} />
    </Labelled>
  );
}

/** A choice among few: pairs of value and what people read. */
export function Choice({ label, options, hint, ...props }: FieldProps & { options: [string, string][] } & ComponentProps<"select">) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <select id={id} aria-describedby={described(id, hint)} {...props}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

/** Yes or no. */
export function Check({ label, checked, onChange }: { label: string; checked: boolean; onChange: (yes: boolean) => void }) {
  return (
    <label className="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      {label}
    </label>
  );
}
