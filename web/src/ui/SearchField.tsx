import { useEffect, useState } from "react";

import { Field } from "./Basics";

/** A text filter that is applied when the typing pauses: each change is a search. */
export function SearchField({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => onChange(text.trim()), 400);
    return () => clearTimeout(timer);
    // Only typing starts the timer: `onChange` is a new function each time the page is drawn.
  }, [text]);
  return <Field label={label} type="search" value={text} onChange={(event) => setText(event.target.value)} />;
}
