// Charts, loaded when a page has one. Each can be read as a table as well.
import { lazy, Suspense, useState } from "react";

import { Button, Loading } from "./Basics";
import { count } from "./format";

export interface Series {
  name: string;
  values: number[];
  /** Which of the six colours of charts, from 1; the next one when left out. */
  color?: number;
}

export interface ChartProps {
  label: string;
  labels: string[];
  series: Series[];
  kind?: "line" | "bar";
  stacked?: boolean;
  /** How values read; whole numbers unless said otherwise. */
  format?: (value: number) => string;
}

const Canvas = lazy(() => import("./Canvas"));

export function Chart(props: ChartProps) {
  const [asTable, setAsTable] = useState(false);
  const format = props.format ?? count;
  const total = props.series.map((one) => `${one.name} ${format(one.values.reduce((a, b) => a + b, 0))}`).join(", ");
  return (
    <figure className="chart">
      {asTable ? (
        <div className="scroll" tabIndex={0} role="group" aria-label={`${props.label}, table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">When or what</th>
                {props.series.map((one) => (
                  <th scope="col" className="number" key={one.name}>
                    {one.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {props.labels.map((label, index) => (
                <tr key={label}>
                  <td>{label}</td>
                  {props.series.map((one) => (
                    <td className="number" key={one.name}>
                      {format(one.values[index] ?? 0)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <div className="canvas" role="img" aria-label={`${props.label}: ${total}`}>
          <Suspense fallback={<Loading />}>
            <Canvas {...props} />
          </Suspense>
        </div>
      )}
      <figcaption className="row">
        <span className="spring" />
        <Button look="quiet" onPress={() => setAsTable(!asTable)}>
          {asTable ? "Show as chart" : "Show as table"}
        </Button>
      </figcaption>
    </figure>
  );
}
