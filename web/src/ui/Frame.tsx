// HTML that a template makes, in a page of its own that has no rights: it belongs to no origin and runs no scripts.
import { useRef } from "react";

import { Widths } from "./Widths";

export function Frame({ html, title }: { html: string; title: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  return (
    <Widths>
      {(width) => (
        // Its script takes one text and is gone with it: for another text the page is loaded anew.
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
      )}
    </Widths>
  );
}
