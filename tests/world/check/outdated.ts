/**
 * What a node may still see of the past, without that by which it does nothing that it would not do by
 * something newer as well.
 */
import type { Local } from "./snapshot.ts";
import type { World } from "../world.ts";
import type { Engine, FoundingRecord, Member } from "../../../src/state.ts";

/**
 * The first version of the S3 object that a read of this machine need show. A write on an old one is lost;
 * and by an old record a node does nothing else that it would not do by one with the same swarm and all
 * its members, unless it finds that all of them are gone: `left`, how many may still be terminated.
 */
export function firstOf(world: World, i: number, floor: number, left: number): number {
  let first = floor;
  while (first > 0 && isCovered(world, first, [i], left)) first++;
  return first;
}

/** The versions of the log that no read of these machines need show, when such writes are left out. */
export function coveredOf(world: World, readers: number[], left: number): number[] {
  return world.versions
    .filter(({ number, counts }) => counts && isCovered(world, number, readers, left))
    .map(({ number }) => number);
}

function isCovered(
  { versions, machines }: World,
  number: number,
  readers: number[],
  left: number,
): boolean {
  const { record } = versions[number - 1]!;
  const isLiving = ({ instance }: Member): boolean =>
    !machines.some((one) => one.instance === instance && one.power === "terminated");
  const living = record.members.filter(isLiving);
  const isLeft = readers.every((i) =>
    living.filter(({ instance }) => instance !== machines[i]!.instance).length > left
  );
  return isLeft &&
    versions.slice(number).some((newer) => newer.counts && covers(newer.record, record));
}

/** Whether a record says of the same swarm all that the other one does. */
function covers(newer: FoundingRecord, older: FoundingRecord): boolean {
  const { members: _, nonce: _nonce, writer: _writer, ...rest } = older;
  const isSame = JSON.stringify({ ...newer, ...rest }) === JSON.stringify(newer);
  return isSame &&
    older.members.every((member) =>
      newer.members.some((one) =>
        one.instance === member.instance && one.address === member.address
      )
    );
}

/**
 * What an Engine said, without what the next that it said tells as well: in the founded swarm a manager only
 * goes by whom it can reach, to list them, and does nothing without a quorum.
 */
export function withoutOutdated(world: World, local: Local, now: Engine): Local {
  const { seen, ...rest } = local;
  if (seen === undefined) return local;
  const kept: Engine[] = [];
  let next = now;
  for (const engine of seen.toReversed()) {
    if (isOutdated(world, engine, next)) continue;
    kept.push(engine);
    next = engine;
  }
  if (kept.length === seen.length) return local;
  return kept.length === 0 ? rest : { ...rest, seen: kept.reverse() };
}

function isOutdated({ swarms }: World, engine: Engine, next: Engine): boolean {
  const swarm = swarms.find(({ fingerprint }) => fingerprint === engine.fingerprint);
  if (swarm === undefined || !swarm.isFounded || swarm.isOld || !engine.manager) return false;
  if (engine.fingerprint !== next.fingerprint || engine.state !== next.state) return false;
  if (engine.swarm === null) return true;
  return next.swarm !== null && reached(engine).every((one) => reached(next).includes(one));
}

function reached({ swarm }: Engine): string[] {
  return swarm?.managers.filter(({ reachable }) => reachable).map(({ address }) => address) ?? [];
}
