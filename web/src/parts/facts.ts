/** A record of any depth as names and values that can be read. */
export function flat(record: Record<string, unknown>, before = ""): [string, string][] {
  return Object.entries(record).flatMap(([key, value]): [string, string][] => {
    const name = (before ? `${before} ` : "") + key.replaceAll("_", " ");
    if (value === null || value === undefined) return [];
    if (Array.isArray(value)) return listed(name, value);
    if (typeof value === "object") return flat(value as Record<string, unknown>, name);
    return [[name, String(value)]];
  });
}

/** A list of plain values in one line; of records each with its number. */
function listed(name: string, values: readonly unknown[]): [string, string][] {
  if (values.some((value) => typeof value === "object" && value !== null && !Array.isArray(value))) {
    const numbered = values.map((value, n) => [String(n + 1), value] as const);
    return flat(Object.fromEntries(numbered), name);
  }
  return values.length ? [[name, values.map(String).join(", ")]] : [];
}
