// Ctrl-K: go to a page, change the domain, search for messages.
import { useEffect, useMemo, useState } from "react";
import { Dialog, Modal, ModalOverlay } from "react-aria-components";
import { useLocation } from "wouter";

import { pages } from "../pages/registry";
import { href } from "../ui/url";
import { useDomain, useDomains } from "./domain";

interface Entry {
  name: string;
  about: string;
  go: () => void;
}

export function Palette({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        onOpenChange(!open);
      }
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, [open, onOpenChange]);
  return (
    <ModalOverlay className="overlay top" isOpen={open} onOpenChange={onOpenChange} isDismissable>
      <Modal className="modal palette">
        <Dialog aria-label="Search">{({ close }) => <Search close={close} />}</Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function Search({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [, navigate] = useLocation();
  const [, choose] = useDomain();
  const { domains } = useDomains();

  const entries = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    const fits = (words: string) => wanted.split(/\s+/).every((word) => words.toLowerCase().includes(word));
    const found: Entry[] = pages
      .filter((page) => page.group && fits(`${page.title} ${page.words ?? ""}`))
      .map((page) => ({ name: page.title, about: page.group ?? "", go: () => navigate(page.path) }));
    if (wanted) {
      const term = text.trim();
      const what = term.startsWith("<") || /@.*[<>]|^\d{14}\./.test(term) ? "message" : term.includes("@") ? "recipient" : "subject";
      found.push({ name: `Messages with ${what} “${term}”`, about: "Search", go: () => navigate(href("/messages", { [what]: term.replace(/[<>]/g, "") })) });
      for (const name of (domains ?? []).filter(fits).slice(0, 8)) found.push({ name, about: "Work with this domain", go: () => choose(name) });
    }
    return found;
  }, [text, domains, navigate, choose]);

  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    entry.go();
  };
  return (
    <>
      <input
        className="palette-input"
        role="combobox"
        aria-label="Search pages, domains and messages"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={entries[at] ? `palette-${at}` : undefined}
        placeholder="A page, a domain, an address, a subject, a Message-Id"
        autoFocus
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step) {
            event.preventDefault();
            setAt((at + step + entries.length) % Math.max(1, entries.length));
          } else if (event.key === "Enter") {
            event.preventDefault();
            run(entries[at]);
          }
        }}
      />
      <ul id="palette-list" role="listbox" aria-label="Found" className="palette-list">
        {entries.map((entry, index) => (
          <li
            key={entry.name + entry.about}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === at}
            onPointerMove={() => setAt(index)}
            onClick={() => run(entry)}
          >
            <span>{entry.name}</span>
            <span className="quiet-text">{entry.about}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
