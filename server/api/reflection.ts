import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { packageRoot } from '../../shared/package-root.js';

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0];

/**
 * Server reflection v1 and v1alpha over the descriptors that `buf build` made, for grpcurl and the like.
 * @param services full names of the services that this server serves
 */
export function addReflection(server: Server, services: readonly string[]): void {
  const image = readFileSync(join(packageRoot, 'shared', 'gen', 'image.binpb'));
  const files = fromBinary(FileDescriptorSetSchema, image).file;
  // The library reads descriptors from a package of its loader; only this part of one is looked at.
  const contract = {
    fileDescriptorProtos: files.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file))),
  };
  const definition = { 'cordon.v1': contract } as unknown as PackageDefinition;
  new ReflectionService(definition, { services: [...services] }).addToServer(server);
}
