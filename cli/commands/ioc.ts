import { status } from '@grpc/grpc-js';
import type { Command } from 'commander';
import type { JsonValue } from '@bufbuild/protobuf';
import { printable } from '../../shared/command-line/printable.js';
import { isServiceError, readServiceError } from '../../shared/errors.js';
import { IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import {
  DeleteIocDocumentRequest,
  GetIocDocumentRequest,
  GetIocDocumentResponse,
  IocDocumentServiceService,
  ListIocDocumentsResponse,
} from '../../shared/gen/cordon/v1/ioc_document_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import type { Api } from '../client.js';
import { parseCount } from '../arguments.js';
import { CliError, ExitCode } from '../exit.js';
import { findDocument, readDocuments, shortHash } from '../ioc/documents.js';
import { collectFiles } from '../ioc/files.js';
import { uploadFile, type Upload } from '../ioc/upload.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { DOCUMENT_HEADINGS, documentRow, documentView, problemsText } from '../view/ioc-document.js';

const NAMED = 'title, document id, or the first digits of the SHA-256 (6 and more)';

/** From this many files on a person is told how far it is. */
const MANY_FILES = 5;

/** `cordon ioc ...` */
export function addIocCommands(program: Command, state: RunState): void {
  const ioc = program
    .command('ioc')
    .description('indicator documents: OpenIOC 1.0 and 1.1, STIX 2.1')
    .addHelpText(
      'after',
      `\nDocuments are named by ${NAMED}.\nExamples:\n  cordon ioc add indicators/\n  cordon ioc show 5f0c3a2b1e44\n  cordon scan create nightly --document 5f0c3a2b1e44 --group root --daily 03:00`,
    );

  ioc
    .command('add')
    .description('store documents; goes on after one that is refused')
    .argument('<path...>', 'files, or folders of .ioc, .xml, .json and .stix files; 2 MiB each')
    .option('--dry-run', 'have the server check them and store nothing')
    .addHelpText(
      'after',
      '\nThe exit code is 1 when a file was refused, whatever became of the others.\nExamples:\n  cordon ioc add zeus.ioc --dry-run\n  cordon ioc add indicators/ bundle.json',
    )
    .action((paths: string[], { dryRun }: { dryRun?: boolean }, command: Command) =>
      withSession(state, command, (session) => addDocuments(session, paths, dryRun ?? false)),
    );

  ioc
    .command('list')
    .description('list documents, newest first')
    .option('--limit <n>', 'at most this many', parseCount(1, 10_000), 10_000)
    .action(({ limit }: { limit: number }, command: Command) =>
      withSession(state, command, async ({ api, printer }) => {
        const documents = await readDocuments(api, limit);
        printer.print(
          () => ({
            kind: 'table',
            headings: DOCUMENT_HEADINGS,
            rows: documents.map(documentRow),
            empty: 'no documents; "cordon ioc add FILE" stores one',
          }),
          () =>
            toProtoJson('ListIocDocumentsResponse', ListIocDocumentsResponse, {
              documents,
              nextPageToken: '',
            }),
        );
      }),
    );

  ioc
    .command('show')
    .description('show a document, and which of its terms can never match')
    .argument('<document>', NAMED)
    .option('--content', 'print the file itself')
    .addHelpText(
      'after',
      '\nExamples:\n  cordon ioc show "Zeus variants"\n  cordon ioc show 5f0c3a2b1e44 --content > zeus.ioc',
    )
    .action((name: string, { content }: { content?: boolean }, command: Command) =>
      withSession(state, command, (session) => showDocument(session, name, content ?? false)),
    );

  ioc
    .command('remove')
    .description('remove documents that no scan needs')
    .argument('<document...>', NAMED)
    .addHelpText('after', '\nExample:\n  cordon ioc remove 5f0c3a2b1e44 "Zeus variants"')
    .action((names: string[], _: unknown, command: Command) =>
      withSession(state, command, (session) => removeDocuments(session, names)),
    );
}

async function addDocuments(session: Session, paths: readonly string[], dryRun: boolean): Promise<void> {
  const { api, io, printer } = session;
  const files = collectFiles(paths);
  const uploads: Upload[] = [];
  for (const [at, file] of files.entries()) {
    const upload = await uploadFile(api, file, dryRun);
    uploads.push(upload);
    if (printer.format === 'table') io.stdout.write(`${uploadText(upload, dryRun)}\n`);
    else if (files.length >= MANY_FILES && io.stderr.isTTY) io.stderr.write(`\r${at + 1} of ${files.length}`);
  }
  if (printer.format !== 'table' && files.length >= MANY_FILES && io.stderr.isTTY) io.stderr.write('\n');
  if (files.length > 1 || printer.format !== 'table') {
    printer.print(
      () => ({ kind: 'text', text: `${totalText(uploads, dryRun)}\n` }),
      () => ({ dryRun, files: uploads.map(uploadJson) }),
    );
  }
  const failed = uploads.filter(({ kind }) => kind === 'failed').length;
  if (failed === 0) return;
  throw new CliError(
    ExitCode.REFUSED,
    `${failed} of ${files.length} files ${failed === 1 ? 'was' : 'were'} refused`,
    'the lines above say why; the others are there',
  );
}

function uploadText(upload: Upload, dryRun: boolean): string {
  switch (upload.kind) {
    case 'failed':
      return printable(`${upload.file.path}: REFUSED: ${upload.error.message}`);
    case 'stored':
    case 'known': {
      const { document } = upload;
      const verb = upload.kind === 'known' ? 'is stored already' : dryRun ? 'is good' : 'stored';
      const what = `"${document.displayName}", ${document.indicatorCount} terms, ${shortHash(document.hash)}`;
      const problems = problemsText(document);
      return printable(`${upload.file.path}: ${verb}: ${what}${problems ? `; ${problems}` : ''}`);
    }
  }
}

function totalText(uploads: readonly Upload[], dryRun: boolean): string {
  const number = (kind: Upload['kind']): number => uploads.filter((upload) => upload.kind === kind).length;
  const parts = [
    `${number('stored')} ${dryRun ? 'good' : 'stored'}`,
    `${number('known')} stored already`,
    `${number('failed')} refused`,
  ];
  return `${parts.join(', ')}${dryRun ? '; nothing is changed' : ''}`;
}

function uploadJson(upload: Upload): JsonValue {
  return {
    path: upload.file.path,
    outcome: upload.kind,
    ...(upload.kind === 'failed'
      ? { error: upload.error.message }
      : { document: toProtoJson('IocDocument', IocDocument, upload.document) }),
  };
}

async function showDocument(session: Session, name: string, withContent: boolean): Promise<void> {
  const { api, io, printer } = session;
  const { hash } = await findDocument(api, name);
  const request = GetIocDocumentRequest.fromPartial({ hash, withContent });
  const response = await api.unary(IocDocumentServiceService.getIocDocument, request);
  const { document = IocDocument.fromPartial({ hash }), content } = response;
  if (withContent && printer.format === 'table') {
    // Into a file it goes byte by byte, so that its hash stays what it is; a terminal would obey what is in it.
    io.stdout.write(io.stdout.isTTY ? harmless(content) : content);
    return;
  }
  printer.print(
    () => documentView(document),
    () =>
      withContent
        ? toProtoJson('GetIocDocumentResponse', GetIocDocumentResponse, response)
        : toProtoJson('IocDocument', IocDocument, document),
  );
}

function harmless(content: Buffer): string {
  return content
    .toString()
    .split(/\r?\n/)
    .map((line) => line.split('\t').map(printable).join('\t'))
    .join('\n');
}

async function removeDocuments({ api, printer, io }: Session, names: readonly string[]): Promise<void> {
  // All names are looked up first: a slip in the last one removes nothing.
  const documents: IocDocument[] = [];
  for (const name of names) documents.push(await findDocument(api, name));
  for (const document of documents) {
    await removeDocument(api, document);
    if (printer.format === 'table') io.stdout.write(`removed ${printable(document.displayName)}\n`);
  }
  if (printer.format === 'table') return;
  printer.print(
    () => ({ kind: 'text', text: '' }),
    () => toProtoJson('ListIocDocumentsResponse', ListIocDocumentsResponse, { documents, nextPageToken: '' }),
  );
}

async function removeDocument(api: Api, { hash, displayName }: IocDocument): Promise<void> {
  try {
    const request = DeleteIocDocumentRequest.fromPartial({ hash, requestId: newId() });
    await api.unary(IocDocumentServiceService.deleteIocDocument, request);
  } catch (error) {
    if (!isServiceError(error) || error.code !== status.FAILED_PRECONDITION) throw error;
    throw new CliError(
      ExitCode.REFUSED,
      `${displayName}: ${readServiceError(error).message}`,
      'take it out of the scans that need it; "cordon scan list" shows them',
    );
  }
}
