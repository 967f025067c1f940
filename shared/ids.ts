import { v7, validate } from 'uuid';

/** A new UUID, version 7: sorts by the time it was made. */
export function newId(): string {
  return v7();
}

/** Tells whether `text` is a UUID in its canonical lower-case form. */
export function isId(text: string): boolean {
  return validate(text) && text === text.toLowerCase();
}

const DEVICE_URI_PREFIX = 'spiffe://cordon/device/';

/** Subject alternative name of a device certificate. */
export function deviceUri(deviceId: string): string {
  return DEVICE_URI_PREFIX + deviceId;
}

/** Device id in a subject alternative name, or undefined if it is not one of ours. */
export function deviceIdFromUri(uri: string): string | undefined {
  if (!uri.startsWith(DEVICE_URI_PREFIX)) return undefined;
  const id = uri.slice(DEVICE_URI_PREFIX.length);
  return isId(id) ? id : undefined;
}
