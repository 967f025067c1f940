import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { ConfigError } from '../../shared/config/load.js';
import { certificatesFromPem } from '../../shared/tls/pem.js';
import type { ServerConfig } from '../config.js';
import { DatagramSink } from './datagram-sink.js';
import { Exporter, type ExporterDeps } from './exporter.js';
import { FileSink } from './file-sink.js';
import type { Sink } from './sink.js';
import { StreamSink } from './stream-sink.js';
import { parseSyslogTarget } from './syslog-target.js';
import { systemAuthorities } from './system-authorities.js';

type ExportConfig = Pick<ServerConfig, 'event_file' | 'event_syslog' | 'event_syslog_ca'>;

/** What the file system says of a path that cannot be right; a disk that is full or broken is another matter. */
const WRONG_PATH: readonly unknown[] = [
  'ENOENT',
  'ENOTDIR',
  'EACCES',
  'EPERM',
  'EISDIR',
  'EROFS',
  'ELOOP',
  'ENAMETOOLONG',
];

/**
 * Starts to carry events to the SIEM that the settings name, if they name one.
 * @returns ends it
 * @throws ConfigError that names the setting
 */
export async function startExport(config: ExportConfig, deps: ExporterDeps): Promise<() => Promise<void>> {
  const syslog = syslogSink(config, deps);
  const sinks = [await fileSink(config), syslog].filter((sink) => sink !== undefined);
  const exporters = sinks.map((sink) => {
    deps.log.info({ target: sink.target }, 'events are exported');
    return new Exporter(deps, sink);
  });
  return async () => {
    await Promise.all(exporters.map((exporter) => exporter.stop()));
  };
}

async function fileSink({ event_file: path }: ExportConfig): Promise<Sink | undefined> {
  if (path === undefined) return undefined;
  const sink = new FileSink(resolve(path));
  try {
    await sink.check();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Devices must be steered while there is no room for events: that is told in the log, and tried again.
    if (code !== undefined && !WRONG_PATH.includes(code)) return sink;
    throw new ConfigError(
      `event_file: ${path} cannot be written to (${code ?? message}); choose a file in a folder that is there, that this user may write to`,
    );
  }
  return sink;
}

function syslogSink(config: ExportConfig, { clock }: ExporterDeps): Sink | undefined {
  const { event_syslog: setting, event_syslog_ca: caFile } = config;
  const target = setting === undefined ? undefined : parseSyslogTarget(setting);
  if (caFile !== undefined && target?.transport !== 'tls') {
    throw new ConfigError('event_syslog_ca: belongs to an event_syslog that begins with tls://');
  }
  if (setting === undefined || !target) return undefined;
  const parts = { setting, target, host: hostname(), clock };
  if (target.transport === 'udp') return new DatagramSink(parts);
  return new StreamSink(parts, caFile === undefined ? systemAuthorities() : readAuthorities(caFile));
}

function readAuthorities(path: string): string {
  try {
    const pem = readFileSync(path, 'utf8');
    if (certificatesFromPem(pem).length > 0) return pem;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ConfigError(`event_syslog_ca: ${path} cannot be used (${code ?? message})`);
  }
  throw new ConfigError(`event_syslog_ca: ${path} holds no certificate; it must be PEM`);
}
