import { status } from '@grpc/grpc-js';
import { isServiceError } from '../shared/errors.js';
import {
  DeviceServiceService,
  GetDeviceRequest,
  ListDevicesRequest,
} from '../shared/gen/cordon/v1/device_service.js';
import type { Api } from './client.js';
import { readPages } from './pages.js';

/** Up to this many devices are asked for one by one; for more the whole list costs less. */
const MOST_SINGLE = 20;

/** Names of devices by id. A device that was removed has none. */
export async function readDeviceNames(api: Api, ids: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(ids)];
  if (wanted.length > MOST_SINGLE) return readAllNames(api);
  const names = await Promise.all(wanted.map((id) => readName(api, id)));
  return new Map(wanted.flatMap((id, at) => (names[at] ? [[id, names[at]]] : [])));
}

async function readName(api: Api, id: string): Promise<string | undefined> {
  try {
    const request = GetDeviceRequest.fromPartial({ device: id });
    return (await api.unary(DeviceServiceService.getDevice, request)).device?.name;
  } catch (error) {
    if (isServiceError(error) && error.code === status.NOT_FOUND) return undefined;
    throw error;
  }
}

async function readAllNames(api: Api): Promise<ReadonlyMap<string, string>> {
  const devices = await readPages(async (pageToken, pageSize) => {
    const request = ListDevicesRequest.fromPartial({ pageToken, pageSize });
    const page = await api.unary(DeviceServiceService.listDevices, request);
    return { items: page.devices, nextPageToken: page.nextPageToken };
  });
  return new Map(devices.map(({ id, name }) => [id, name]));
}
