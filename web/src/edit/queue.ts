/** A queue that gives the voxel with the least key first: a binary heap. */
export class Queue {
  private readonly voxels: number[] = [];
  private readonly keys: number[] = [];

  push(voxel: number, key: number): void {
    let at = this.voxels.length;
    this.voxels.push(voxel);
    this.keys.push(key);
    while (at > 0 && this.keys[(at - 1) >> 1] > this.keys[at]) {
      this.swap(at, (at - 1) >> 1);
      at = (at - 1) >> 1;
    }
  }

  pop(): number | null {
    if (this.voxels.length === 0) return null;
    this.swap(0, this.voxels.length - 1);
    this.keys.pop();
    const first = this.voxels.pop() as number;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.keys.length && this.keys[child] < this.keys[least]) least = child;
      }
      if (least === at) return first;
      this.swap(at, least);
      at = least;
    }
  }

  private swap(a: number, b: number): void {
    [this.voxels[a], this.voxels[b]] = [this.voxels[b], this.voxels[a]];
    [this.keys[a], this.keys[b]] = [this.keys[b], this.keys[a]];
  }
}
