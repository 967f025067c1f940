import { createHash } from 'node:crypto';
import { mkdtempSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ScanDocument } from '../../agent/detect/scan-messages.js';
import type { Figure } from '../report.js';
import { inMs, summarize } from '../statistics.js';
import { writeDocuments, type Indicator } from './indicators.js';
import { measureScan, type Measured } from './our-scan.js';
import { has, MD5_PEERS, runPeer, SHA256_PEERS, type Peer } from './peers.js';
import { FILES, hasRoom, makeTree, TREE_BYTES } from './tree.js';

export interface ScanRequest {
  readonly indicators: number;
  readonly rounds: number;
}

interface Site extends ScanRequest {
  readonly folder: string;
  readonly tree: string;
  /** The one file that indicators name. */
  readonly evil: string;
}

/**
 * IOC scans of 50,000 files against programs that hash the same files in the same run, all from memory. Undefined, with a
 * line that says so: there is no room for the files, or no such program.
 */
export async function measureScans(request: ScanRequest): Promise<Figure[] | undefined> {
  const missing = hasRoom(tmpdir())
    ? ['md5deep', 'sha256sum'].filter((program) => !has(program)).join(', ')
    : `3 GB of room in ${tmpdir()}`;
  if (missing !== '') {
    console.log(`SKIPPED: IOC scans: ${missing} is missing; "npm run setup" installs the programs\n`);
    return undefined;
  }
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-bench-scan-')));
  try {
    const tree = join(folder, 'tree');
    mkdirSync(tree);
    const site: Site = { ...request, folder, tree, evil: makeTree(tree) };
    return [
      await againstHashes(site, 'md5', 'Md5sum', MD5_PEERS),
      await againstHashes(site, 'sha256', 'Sha256sum', SHA256_PEERS),
      await againstSizes(site),
      await againstNames(site),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every file has to be hashed. */
async function againstHashes(
  site: Site,
  algorithm: string,
  term: string,
  peers: readonly Peer[],
): Promise<Figure> {
  const evil = createHash(algorithm).update(readFileSync(site.evil)).digest('hex');
  const hashes = [...madeUp(site.indicators - 1, algorithm), evil];
  const known = join(site.folder, `${algorithm}.txt`);
  // As the programs print it themselves: a hash and a name.
  writeFileSync(known, hashes.map((hash, at) => `${hash}  name-${at}\n`).join(''));
  const indicators = hashes.map((content): Indicator => [{ term: `FileItem/${term}`, content }]);
  return compare(site, `${algorithm} hashes`, indicators, peers, known);
}

/** A file of another size needs no hash. */
function againstSizes(site: Site): Promise<Figure> {
  const content = readFileSync(site.evil);
  const evil: Indicator = [
    { term: 'FileItem/SizeInBytes', content: `${content.length}` },
    { term: 'FileItem/Md5sum', content: createHash('md5').update(content).digest('hex') },
  ];
  const others = madeUp(site.indicators - 1, 'md5').map((hash, at): Indicator => [
    // No file is as large.
    { term: 'FileItem/SizeInBytes', content: `${1e9 + at}` },
    { term: 'FileItem/Md5sum', content: hash },
  ]);
  return compare(site, 'sizes with md5 hashes', [...others, evil], MD5_PEERS);
}

/** No file has to be opened. */
function againstNames(site: Site): Promise<Figure> {
  const names = [...madeUp(site.indicators - 1, 'md5').map((hash) => `${hash}.exe`), basename(site.evil)];
  const indicators = names.map((content): Indicator => [{ term: 'FileItem/FileName', content }]);
  return compare(site, 'names', indicators, MD5_PEERS);
}

async function compare(
  site: Site,
  what: string,
  indicators: readonly Indicator[],
  peers: readonly Peer[],
  known = join(site.folder, 'md5.txt'),
): Promise<Figure> {
  const documents = writeDocuments(site.folder, what.replaceAll(' ', '-'), indicators);
  const { ours, others } = await inTurns(site, documents, peers, known);
  const [fastest, ...slower] = others
    .map(({ peer, times }) => ({ peer, times: summarize(times) }))
    .sort((a, b) => a.times.median - b.times.median);
  if (!fastest) throw new Error('there is nothing to compare with');
  const times = summarize(ours.map(({ ms }) => ms));
  const late = summarize(ours.map(({ lateMs }) => lateMs));
  const rest = slower.map(({ peer, times: slow }) => `; ${peer.name} ${inMs(slow)}`);
  return {
    name: `IOC scan of ${FILES} files, ${TREE_BYTES / 1e9} GB, for ${indicators.length} ${what}, ${site.rounds} rounds, all from memory`,
    ours: `${inMs(times)}; longest delay of the agent's event loop ${late.most.toFixed(1)} ms; ${memoryOf(ours)}`,
    peerName: fastest.peer.name,
    peer: `${inMs(fastest.times)}${rest.join('')}`,
    ratio: times.median / fastest.times.median,
  };
}

/** The first round brings the files into memory, and is not counted. */
async function inTurns(
  { tree, evil, rounds }: Site,
  documents: readonly ScanDocument[],
  peers: readonly Peer[],
  known: string,
): Promise<{ ours: Measured[]; others: { peer: Peer; times: number[] }[] }> {
  const ours: Measured[] = [];
  const others = peers.map((peer) => ({ peer, times: [] as number[] }));
  for (let round = -1; round < rounds; round++) {
    for (const { peer, times } of others) {
      const { ms, output } = await runPeer(peer, { tree, known });
      if (!output.includes(basename(evil))) throw new Error(`${peer.name} did not come to ${evil}`);
      if (round >= 0) times.push(ms);
    }
    const measured = await measureScan(documents, tree, [evil]);
    if (round >= 0) ours.push(measured);
  }
  return { ours, others };
}

/** A scan that kept what it saw would need more in its second half than in its first. */
function memoryOf(scans: readonly Measured[]): string {
  const halves = scans.map(({ memory }) => {
    const half = Math.floor(memory.length / 2);
    return { first: Math.max(0, ...memory.slice(0, half)), second: Math.max(0, ...memory.slice(half)) };
  });
  const [first, second] = [halves.map((each) => each.first), halves.map((each) => each.second)];
  return `memory at most ${Math.max(...first).toFixed(0)} MiB in the first half, ${Math.max(...second).toFixed(0)} in the second`;
}

function madeUp(count: number, algorithm: string): string[] {
  return Array.from({ length: count }, (_, at) =>
    createHash(algorithm).update(`indicator ${at}`).digest('hex'),
  );
}
