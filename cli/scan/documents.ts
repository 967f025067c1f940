import { existsSync } from 'node:fs';
import type { IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import type { Api } from '../client.js';
import { pickDocument, readDocuments } from '../ioc/documents.js';
import { collectFiles, hasDocumentExtension } from '../ioc/files.js';
import { uploadFile } from '../ioc/upload.js';

/** Documents of a scan as `--document` names them. */
export interface NamedDocuments {
  readonly hashes: Buffer[];
  /** Files that would have been stored: the server does not know them yet, and refuses a task with them. */
  readonly unstored: readonly string[];
}

/**
 * Finds documents, and stores those that are files of this computer first.
 * @param stored told of each file that is stored now
 * @throws CliError for the first that is not there, ambiguous or refused
 */
export async function nameDocuments(
  api: Api,
  names: readonly string[],
  dryRun: boolean,
  stored: (path: string, document: IocDocument) => void,
): Promise<NamedDocuments> {
  const hashes = new Map<string, Buffer>();
  const unstored: string[] = [];
  let known: Promise<IocDocument[]> | undefined;
  for (const name of names) {
    if (!isLocal(name)) {
      known ??= readDocuments(api);
      const { hash } = pickDocument(await known, name);
      hashes.set(hash.toString('hex'), hash);
      continue;
    }
    for (const file of collectFiles([name])) {
      const upload = await uploadFile(api, file, dryRun);
      if (upload.kind === 'failed') throw upload.error;
      const { hash } = upload.document;
      if (upload.kind === 'stored' && dryRun) {
        unstored.push(file.path);
        continue;
      }
      if (upload.kind === 'stored') stored(file.path, upload.document);
      hashes.set(hash.toString('hex'), hash);
    }
  }
  return { hashes: [...hashes.values()], unstored };
}

/** A title can look like a path: what is not there as a file is looked for on the server. */
function isLocal(name: string): boolean {
  return (hasDocumentExtension(name) || /[/\\]/.test(name)) && existsSync(name);
}
