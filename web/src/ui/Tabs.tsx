// Parts of a page of which one is shown; which one stands in the address.
import type { ReactNode } from "react";
import { Tab, TabList, TabPanel, Tabs as AriaTabs } from "react-aria-components";

import { useFilters } from "./url";

export interface Part {
  id: string;
  title: string;
  content: () => ReactNode;
}

export function Tabs({ label, parts }: { label: string; parts: Part[] }) {
  const [filters, change] = useFilters();
  const chosen = parts.some((part) => part.id === filters.tab) ? filters.tab : parts[0]?.id;
  return (
    <AriaTabs className="tabs" selectedKey={chosen} onSelectionChange={(key) => change({ tab: key === parts[0]?.id ? "" : String(key) })}>
      <TabList aria-label={label} className="tab-list">
        {parts.map((part) => (
          <Tab key={part.id} id={part.id} className="tab">
            {part.title}
          </Tab>
        ))}
      </TabList>
      {parts.map((part) => (
        <TabPanel key={part.id} id={part.id} className="tab-panel">
          {part.content()}
        </TabPanel>
      ))}
    </AriaTabs>
  );
}
