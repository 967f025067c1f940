import type { Selectable } from 'kysely';
import type { DevicesTable } from '../store/schema.js';

/** What an operator wants of devices. */
export interface Order {
  readonly action: 'isolate' | 'release';
  /** Why, 1 to 1000 characters. */
  readonly reason: string;
  /** Operator. */
  readonly requestedBy: string;
  /** Release delay in milliseconds in place of the settings'; 0: never; undefined: as the settings say. */
  readonly releaseDelayMs?: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly requestId: string;
}

/** The order for one device as it stands. */
export interface StoredOrder {
  readonly device: OrderedDevice;
  readonly generation: number;
  /** '' where there was nothing to do and no order before. */
  readonly directiveId: string;
}

/** Columns of a device that an order needs. */
export const ORDERED_COLUMNS = [
  'id',
  'name',
  'generation',
  'observed_generation',
  'observed_state',
  'settings_hash',
  'directive_proto',
] as const;

export type OrderedDevice = Pick<Selectable<DevicesTable>, (typeof ORDERED_COLUMNS)[number]>;
