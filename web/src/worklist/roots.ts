/** The one of the allowed folders that a path lies in; empty where it is in none. */
export function rootOf(roots: readonly string[], path: string | null): string {
  const above = roots.filter((root) => path === root || path?.startsWith(withEnd(root)));
  return above.sort((a, b) => b.length - a.length)[0] ?? "";
}

function withEnd(folder: string): string {
  const separator = folder.includes("\\") ? "\\" : "/";
  return folder.endsWith(separator) ? folder : folder + separator;
}
