// A list: its columns, what to say when it is empty, and the same list for files and terminals.
import type { ReactNode } from "react";

import { curl } from "../api/client";
import { Button, Copy, Loading, Problem } from "./Basics";

export interface Column<Row> {
  name: string;
  /** What the cell shows; a column without it is only in the file. */
  cell?: (row: Row) => ReactNode;
  /** The same as text, for CSV; a column without it is not in the file. */
  text?: (row: Row) => string | number | null | undefined;
  /** Numbers stand on the right. */
  number?: boolean;
}

interface TableProps<Row> {
  /** What the list is of: names the region and the file. */
  name: string;
  columns: Column<Row>[];
  rows: Row[] | undefined;
  id: (row: Row) => string | number;
  error?: unknown;
  retry?: () => void;
  /** Shown instead of an empty list. */
  empty?: ReactNode;
  /** The request behind the list (path with search parameters), or a finished command. */
  request?: string;
  command?: string;
  /** Steps to the next and previous page, where there are any. */
  next?: () => void;
  previous?: () => void;
}

/** A table with CSV, *copy as curl* and pages. Narrow screens get a card for each row. */
export function Table<Row>({ name, columns, rows, id, error, retry, empty, request, command, next, previous }: TableProps<Row>) {
  if (error) return <Problem error={error} retry={retry} />;
  if (!rows) return <Loading />;
  const shown = columns.filter((column) => column.cell);
  const asCurl = command ?? (request && curl(request));
  return (
    <div className="table">
      {rows.length === 0 ? (
        (empty ?? <p className="quiet-text">Nothing here.</p>)
      ) : (
        <div className="scroll" tabIndex={0} role="group" aria-label={`${name}, table`}>
          <table>
            <thead>
              <tr>
                {shown.map((column) => (
                  <th key={column.name} scope="col" className={column.number ? "number" : ""}>
                    {column.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={id(row)}>
                  {shown.map((column) => (
                    <td key={column.name} data-label={column.name} className={column.number ? "number" : ""}>
                      {column.cell?.(row)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <div className="row table-foot">
        {previous && <Button onPress={previous}>Previous</Button>}
        {next && <Button onPress={next}>Next</Button>}
        <span className="spring" />
        {rows.length > 0 && (
          <Button look="quiet" onPress={() => save(`${name.toLowerCase().replaceAll(" ", "-")}.csv`, csv(columns, rows), "text/csv")}>
            CSV
          </Button>
        )}
        {asCurl && <Copy text={asCurl} label="Copy as curl" />}
      </div>
    </div>
  );
}

/** A list as RFC 4180 has it. What a spreadsheet would take for a formula gets a quote in front. */
export function csv<Row>(columns: Column<Row>[], rows: Row[]): string {
  const written = columns.filter((column) => column.text);
  const field = (value: string | number | null | undefined) => {
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [written.map((column) => field(column.name)), ...rows.map((row) => written.map((column) => field(column.text?.(row))))];
  return lines.map((line) => line.join(",") + "\r\n").join("");
}

/** Give the browser a file to save. */
export function save(name: string, content: string | Blob, type = "text/plain"): void {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
