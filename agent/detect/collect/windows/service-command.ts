/** What Windows starts for a service. */
export interface ServiceCommand {
  /** Absolute where it can be told. */
  readonly path: string;
  readonly arguments: string;
}

/**
 * Splits the command of a service as Windows does: a program in quotation marks, or up to the end of its file name. A
 * driver's path is in the kernel's own form (`\SystemRoot\...`, `\??\C:\...`, `system32\...`).
 * @param environment for `%NAME%`, names in any case
 */
export function splitCommand(
  command: string,
  environment: Readonly<Record<string, string | undefined>>,
): ServiceCommand {
  const folded = new Map(Object.entries(environment).map(([name, value]) => [name.toUpperCase(), value]));
  const expand = (text: string): string =>
    text.replace(/%([^%]+)%/g, (whole, name: string) => folded.get(name.toUpperCase()) ?? whole);
  const [, quoted, behind = ''] = /^\s*"([^"]*)"?(.*)$/s.exec(command) ?? [];
  const [, plain = '', rest = ''] =
    // With spaces and without quotation marks: up to the first ending of a program.
    /^\s*(.*?\.(?:exe|sys|dll|com|bat|cmd))(?=\s|$)(.*)$/is.exec(command) ??
    /^\s*(\S*)(.*)$/s.exec(command) ??
    [];
  const root = folded.get('SYSTEMROOT') ?? 'C:\\Windows';
  return {
    path: absolute(expand(quoted ?? plain), root),
    arguments: expand(quoted === undefined ? rest : behind).trim(),
  };
}

function absolute(path: string, root: string): string {
  if (path === '') return '';
  const plain = path.replace(/^\\\?\?\\/, '');
  if (/^\\systemroot\\/i.test(plain)) return `${root}${plain.slice('\\SystemRoot'.length)}`;
  return /^system32\\/i.test(plain) ? `${root}\\${plain}` : plain;
}
