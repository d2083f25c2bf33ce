/**
 * A smaller input for which `fails` still holds: parts are left out, halves first, single bytes last. Asks at most
 * `budget` times.
 */
export async function minimise(
  input: Buffer,
  fails: (smaller: Buffer) => Promise<boolean>,
  budget: number,
): Promise<Buffer> {
  let smallest = input;
  let left = budget;
  for (let size = Math.ceil(input.length / 2); size >= 1 && left > 0; size = Math.floor(size / 2)) {
    for (let start = 0; start < smallest.length && left > 0;) {
      const without = Buffer.concat([smallest.subarray(0, start), smallest.subarray(start + size)]);
      left -= 1;
      if (await fails(without)) smallest = without;
      else start += size;
    }
  }
  return smallest;
}
