// HTML that a template makes, in a page of its own that has no rights: it belongs to no origin and runs no scripts.
import { useRef, useState } from "react";

import { Button } from "./Basics";

export function Frame({ html, title }: { html: string; title: string }) {
  const [width, setWidth] = useState<"desktop" | "phone">("desktop");
  const frame = useRef<HTMLIFrameElement>(null);
  return (
    <div className="stack">
      <div className="row" role="group" aria-label="Width">
        {(["desktop", "phone"] as const).map((each) => (
          <Button key={each} look={each === width ? "main" : "plain"} aria-pressed={each === width} onPress={() => setWidth(each)}>
            {each === "phone" ? "Phone" : "Desktop"}
          </Button>
        ))}
      </div>
      {/* Its script takes one text and is gone with it: for another text the page is loaded anew. */}
      <iframe
        key={html}
        ref={frame}
        className={`preview ${width}`}
        title={title}
        sandbox="allow-scripts"
        src="/panel/frame"
        referrerPolicy="no-referrer"
        onLoad={() => frame.current?.contentWindow?.postMessage(html, "*")}
      />
    </div>
  );
}
