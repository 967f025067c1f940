import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createFileRegistry,
  fromBinary,
  toJson,
  type DescMessage,
  type FileRegistry,
  type JsonValue,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { packageRoot } from './package-root.js';

/** A generated message type. */
export interface MessageType<T> {
  encode(message: T): BinaryWriter;
}

let registry: FileRegistry | undefined;

/**
 * A message in protobuf's own JSON form, as every other client of the contract sees it: durations are `28800s`, enums are
 * names, 64-bit numbers are strings, and fields with a default value are there too, so that a script finds them.
 * @param name of the message in package cordon.v1
 */
export function toProtoJson<T>(name: string, type: MessageType<T>, message: T): JsonValue {
  registry ??= loadRegistry();
  const schema: DescMessage | undefined = registry.getMessage(`cordon.v1.${name}`);
  if (!schema) throw new Error(`the contract has no message ${name}`);
  return toJson(schema, fromBinary(schema, type.encode(message).finish()), { alwaysEmitImplicit: true });
}

function loadRegistry(): FileRegistry {
  const image = readFileSync(join(packageRoot, 'shared', 'gen', 'image.binpb'));
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
}
