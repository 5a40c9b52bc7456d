// A question over the page.
import { useState, type ReactNode } from "react";
import { Dialog as AriaDialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";

import { Button, Problem } from "./Basics";

interface AskProps {
  /** The button that asks. */
  label: string;
  title: string;
  /** What the button does that means yes. */
  yes: string;
  look?: "main" | "plain" | "quiet" | "danger";
  /** Done when it resolves; what it throws is shown, and the dialog stays. */
  act: () => Promise<unknown>;
  children?: ReactNode;
  onOpen?: () => void;
}

/** A button that does something once the person has agreed, or filled in what it needs. */
export function Ask({ label, title, yes, look = "plain", act, children, onOpen }: AskProps) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const work = async (close: () => void) => {
    setBusy(true);
    setError(null);
    try {
      await act();
      close();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <DialogTrigger
      onOpenChange={(open) => {
        setError(null);
        if (open) onOpen?.();
      }}
    >
      <Button look={look}>{label}</Button>
      <ModalOverlay className="overlay" isDismissable>
        <Modal className="modal">
          <AriaDialog>
            {({ close }) => (
              <form
                onSubmit={(event) => {
                  event.preventDefault();
                  void work(close);
                }}
              >
                <Heading slot="title">{title}</Heading>
                <div className="stack">{children}</div>
                <Problem error={error} />
                <div className="row end">
                  <Button onPress={close}>Cancel</Button>
                  <Button look={look === "danger" ? "danger" : "main"} type="submit" busy={busy}>
                    {yes}
                  </Button>
                </div>
              </form>
            )}
          </AriaDialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}
