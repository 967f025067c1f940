import { type IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import {
  IocDocumentServiceService,
  UploadIocDocumentRequest,
} from '../../shared/gen/cordon/v1/ioc_document_service.js';
import { status } from '@grpc/grpc-js';
import { isServiceError } from '../../shared/errors.js';
import { newId } from '../../shared/ids.js';
import type { Api } from '../client.js';
import { CliError, ExitCode } from '../exit.js';
import { explain } from '../explain.js';
import { readDocumentFile, type LocalFile } from './files.js';

/** What came of one file. */
export type Upload =
  | {
      readonly kind: 'stored' | 'known';
      readonly file: LocalFile;
      readonly document: IocDocument;
    }
  | { readonly kind: 'failed'; readonly file: LocalFile; readonly error: CliError };

/**
 * Uploads one file.
 * @param dryRun ask the server and change nothing
 * @throws what has nothing to do with this file: the server is gone, or the caller may not
 */
export async function uploadFile(api: Api, file: LocalFile, dryRun: boolean): Promise<Upload> {
  try {
    const request = UploadIocDocumentRequest.fromPartial({
      fileName: file.name,
      content: readDocumentFile(file.path),
      requestId: newId(),
      validateOnly: dryRun,
    });
    const { document, alreadyStored } = await api.unary(IocDocumentServiceService.uploadIocDocument, request);
    if (!document) {
      throw new CliError(
        ExitCode.REFUSED,
        'the server answered without a document',
        'look into the log of the server',
      );
    }
    return { kind: alreadyStored ? 'known' : 'stored', file, document };
  } catch (error) {
    if (isServiceError(error) && error.code !== status.INVALID_ARGUMENT) throw error;
    return { kind: 'failed', file, error: explain(error, undefined) };
  }
}
