/** Files out of a drop or a file dialog, folders gone through, with their relative paths. */
export interface Dropped {
  readonly path: string;
  readonly file: File;
}

export async function droppedFiles(items: DataTransferItemList): Promise<Dropped[]> {
  // Everything must be taken before the first await: the list is emptied after the event.
  const taken = [...items]
    .filter((item) => item.kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found: Dropped[] = [];
  for (const { entry, file } of taken) {
    if (entry) await walk(entry, found);
    else if (file) found.push({ path: file.name, file }); // not from a file system
  }
  return found;
}

export function chosenFiles(list: FileList): Dropped[] {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function walk(entry: FileSystemEntry, found: Dropped[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives at most a hundred entries at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    for (const child of some) await walk(child, found);
  }
}
