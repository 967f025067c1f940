import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { Any } from 'nice-grpc-error-details';

/**
 * `google.rpc.Status` (code = 1, message = 2, details = 3), the envelope of error details in the trailer
 * `grpc-status-details-bin`. The detail messages themselves come from a library, which keeps this one to itself.
 */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly Any[];
}

const CODE = 1;
const MESSAGE = 2;
const DETAILS = 3;
const LENGTH_DELIMITED = 2;
const tag = (field: number, wireType: number): number => (field << 3) | wireType;

export function encodeRpcStatus({ code, message, details }: RpcStatus): Buffer {
  const writer = new BinaryWriter();
  writer.uint32(tag(CODE, 0)).int32(code);
  writer.uint32(tag(MESSAGE, LENGTH_DELIMITED)).string(message);
  for (const detail of details) {
    writer.uint32(tag(DETAILS, LENGTH_DELIMITED)).bytes(Any.encode(detail).finish());
  }
  return Buffer.from(writer.finish());
}

/** @throws RangeError on bytes that are not a protobuf message */
export function decodeRpcStatus(bytes: Uint8Array): RpcStatus {
  const reader = new BinaryReader(bytes);
  let code = 0;
  let message = '';
  const details: Any[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === CODE) code = reader.int32();
    else if (field === MESSAGE) message = reader.string();
    else if (field === DETAILS) details.push(Any.decode(reader.bytes()));
    else reader.skip(wireType);
  }
  return { code, message, details };
}
