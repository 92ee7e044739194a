/** Runs that need time to see what they are to say, on a machine of any speed. */

/** How many times the time that is enough on a quick machine a run gets, try by try. */
const PACES = [1, 4, 16];

/**
 * Runs that end by their deadline, and not before, must have seen by then what they are to say. On a
 * busy machine that takes a multiple of the time, so a run that did not gets more. Gives the first
 * run that is as wanted, or the last one, to be judged.
 */
export async function inTime<Run>(
  seconds: number,
  run: (timeout: string[]) => Promise<Run>,
  isWanted: (run: Run) => boolean,
): Promise<Run> {
  const [pace = 1, ...slower] = PACES;
  let last = await run(["--timeout", `${seconds * pace}s`]);
  for (const factor of slower) {
    if (isWanted(last)) break;
    last = await run(["--timeout", `${seconds * factor}s`]);
  }
  return last;
}
