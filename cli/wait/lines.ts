import type { TextSink } from '../io.js';

/** How one of several things stands that go on at the same time. */
export interface ProgressLine {
  readonly key: string;
  /** What a person reads, printable. */
  readonly text: string;
  /** What has to differ from the time before for the line to be shown again where lines stay: a clock that goes on is no news. */
  readonly news: string;
  readonly done: boolean;
}

/** Shows all lines as they are now. */
export type ShowLines = (lines: readonly ProgressLine[]) => void;

/** More lines than this do not fit a terminal: the rest is counted. */
const MOST_LINES = 12;

/** In place on a terminal; elsewhere one line a change. */
export function createLinesView(sink: TextSink): ShowLines {
  return sink.isTTY ? inPlace(sink) : oneByOne(sink);
}

function oneByOne(sink: TextSink): ShowLines {
  const shown = new Map<string, string>();
  return (lines) => {
    for (const { key, text, news } of lines) {
      if (shown.get(key) === news) continue;
      shown.set(key, news);
      sink.write(`${text}\n`);
    }
  };
}

function inPlace(sink: TextSink): ShowLines {
  let height = 0;
  return (lines) => {
    const width = Math.max(20, (sink.columns ?? 80) - 1);
    const texts = foldLines(lines).map((line) => line.slice(0, width));
    const up = height > 0 ? `\x1b[${height}A` : '';
    sink.write(`${up}\x1b[J${texts.join('\n')}\n`);
    height = texts.length;
  };
}

/** Those that are not done come first when there is not room for all. */
function foldLines(lines: readonly ProgressLine[]): string[] {
  if (lines.length <= MOST_LINES) return lines.map(({ text }) => text);
  const order = [...lines.filter(({ done }) => !done), ...lines.filter(({ done }) => done)];
  const done = lines.filter((line) => line.done).length;
  const top = order.slice(0, MOST_LINES - 1).map(({ text }) => text);
  return [...top, `… ${done} of ${lines.length} done`];
}
