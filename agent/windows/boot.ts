import { v5 } from 'uuid';
import { systemLibrary, WindowsError } from './library.js';

/** SYSTEM_INFORMATION_CLASS. */
const SYSTEM_TIME_OF_DAY_INFORMATION = 3;
/** SYSTEM_TIMEOFDAY_INFORMATION: BootTime, CurrentTime, TimeZoneBias, two numbers, BootTimeBias, SleepTimeBias. */
const SIZE = 48;
const BOOT_TIME = 0;
const BOOT_TIME_BIAS = 32;
/** Of our own: boots of Windows. */
const NAMESPACE = '5d7a2f0e-8a54-4c0b-9d4f-1f1b7f0f4a6e';

/**
 * UUID of this boot of Windows, made from the moment of the boot. Setting the wall clock moves that moment and its bias
 * alike, so their difference stays. A shutdown with fast startup is no boot: the kernel sleeps, and time since boot goes on.
 * @param library path of ntdll.dll, for tests
 * @throws WindowsError
 */
export async function readWindowsBootId(library?: string): Promise<string> {
  const ntdll = await systemLibrary('ntdll.dll', library);
  const query = ntdll.func(
    'uint32_t __stdcall NtQuerySystemInformation(int32_t, _Out_ uint8_t *, uint32_t, _Out_ uint32_t *)',
  ) as (kind: number, into: Buffer, size: number, written: [number]) => number;
  const info = Buffer.alloc(SIZE);
  const written: [number] = [0];
  const status = query(SYSTEM_TIME_OF_DAY_INFORMATION, info, SIZE, written);
  if (status !== 0 || written[0] < SIZE) throw new WindowsError('NtQuerySystemInformation', status);
  return bootIdOf(info);
}

/** @param info SYSTEM_TIMEOFDAY_INFORMATION, 48 bytes */
export function bootIdOf(info: Buffer): string {
  const booted = info.readBigInt64LE(BOOT_TIME) - info.readBigInt64LE(BOOT_TIME_BIAS);
  return v5(`windows boot ${booted}`, NAMESPACE);
}
