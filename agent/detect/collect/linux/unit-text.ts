/** Settings of a systemd unit: every value of each, by `Section.Key`. An empty value forgets those before it. */
export type UnitSettings = ReadonlyMap<string, readonly string[]>;

/**
 * Settings in the texts of a unit's file and of the drop-ins to it, in their order
 * (man systemd.syntax: comments, continued lines, lists that an empty value empties).
 */
export function parseUnit(texts: readonly string[]): UnitSettings {
  const settings = new Map<string, string[]>();
  for (const text of texts) {
    let section = '';
    for (const line of logicalLines(text)) {
      const header = /^\[(.+)\]$/.exec(line);
      if (header) {
        section = header[1] ?? '';
        continue;
      }
      const at = line.indexOf('=');
      if (at < 1) continue;
      const name = `${section}.${line.slice(0, at).trim()}`;
      const value = line.slice(at + 1).trim();
      settings.set(name, value === '' ? [] : [...(settings.get(name) ?? []), value]);
    }
  }
  return settings;
}

function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let begun: string | undefined;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    // A comment between continued lines does not end them.
    if (/^[#;]/.test(line)) continue;
    const whole: string = begun === undefined ? line : `${begun} ${line}`;
    begun = whole.endsWith('\\') ? whole.slice(0, -1).trimEnd() : undefined;
    if (begun === undefined && whole !== '') lines.push(whole);
  }
  if (begun) lines.push(begun);
  return lines;
}

/** A command of a service. */
export interface ServiceCommand {
  /** As it is written: a bare name is looked for in the folders of programs. */
  readonly path: string;
  /** All behind it, as it is written. */
  readonly arguments: string;
}

/** A line such as ExecStart's: marks before the path are dropped, quotes around it too. */
export function parseCommand(line: string): ServiceCommand | undefined {
  const found = /^[@\-:+!|]*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+))\s*(.*)$/.exec(line.trim());
  if (!found) return undefined;
  const [, double, single, bare, rest = ''] = found;
  const path = (double ?? single ?? bare ?? '').replace(/\\(.)/g, '$1');
  return path === '' ? undefined : { path, arguments: rest };
}
