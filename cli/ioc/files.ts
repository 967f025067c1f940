import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { CliError, ExitCode } from '../exit.js';

/** What the server takes; other files of a folder are left alone. */
const EXTENSIONS: ReadonlySet<string> = new Set(['.ioc', '.xml', '.json', '.stix']);

/** Most files of one call. */
const MOST_FILES = 10_000;

/** Largest document that the server takes, bytes. */
const LARGEST = 2 * 1024 * 1024;

/** A file to upload. */
export interface LocalFile {
  readonly path: string;
  readonly name: string;
}

/** Whether a name ends as a document does. */
export function hasDocumentExtension(path: string): boolean {
  return EXTENSIONS.has(extname(path).toLowerCase());
}

/**
 * Files as they were named, and the documents in folders and the folders below them, by path. Links within a folder are
 * not followed.
 * @throws CliError when a path is not there, or a folder holds no document
 */
export function collectFiles(paths: readonly string[]): LocalFile[] {
  const files = paths.flatMap((path) => {
    if (!isFolder(path)) return [path];
    const inside = documentsIn(path);
    if (inside.length > 0) return inside;
    throw new CliError(
      ExitCode.USAGE,
      `${path} holds no file that ends in ${[...EXTENSIONS].join(', ')}`,
      'name the files themselves, or another folder',
    );
  });
  if (files.length > MOST_FILES) {
    throw new CliError(ExitCode.USAGE, `${files.length} files are too many`, `give at most ${MOST_FILES}`);
  }
  return [...new Set(files)].map((path) => ({ path, name: basename(path) }));
}

/** Content of a file. @throws CliError when it cannot be read, or is larger than a document may be */
export function readDocumentFile(path: string): Buffer {
  try {
    if (statSync(path).size > LARGEST) {
      throw new CliError(
        ExitCode.USAGE,
        `${path} is larger than 2 MiB`,
        'split the indicators into several documents',
      );
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw unreadable(path, error);
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function documentsIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && hasDocumentExtension(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    throw unreadable(folder, error);
  }
}

function unreadable(path: string, error: unknown): CliError {
  return new CliError(
    ExitCode.USAGE,
    `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
    'give a file or a folder that you may read',
  );
}
