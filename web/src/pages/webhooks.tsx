// Who is told what happens, what they were told, and what they said.
import { Head } from "../ui/Basics";
import { Tabs } from "../ui/Tabs";
import { Calls } from "./webhooks/Calls";
import { Hooks } from "./webhooks/Hooks";
import { Signature } from "./webhooks/Signature";

export default function Webhooks() {
  return (
    <>
      <Head title="Webhooks" about="Signed requests to your programs, for each event they want to know of." />
      <Tabs
        label="Parts"
        parts={[
          { id: "hooks", title: "Webhooks", content: () => <Hooks /> },
          { id: "calls", title: "Calls", content: () => <Calls /> },
          { id: "signature", title: "Signatures", content: () => <Signature /> },
        ]}
      />
    </>
  );
}
