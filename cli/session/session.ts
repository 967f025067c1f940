import type { Command } from 'commander';
import { connectApi, type Api } from '../client.js';
import type { CliIo } from '../io.js';
import { Printer, type OutputFormat } from '../view/printer.js';
import { configPath, readConfigFile } from './config-file.js';
import { formatServerAddress } from './server-address.js';
import { connectionSettings, type ConnectionFlags, type ConnectionSettings } from './settings.js';

/** Flags that every command takes. */
export interface GlobalFlags extends ConnectionFlags {
  readonly output: OutputFormat;
}

/** One run of one command that talks to a server. */
export interface Session {
  readonly io: CliIo;
  readonly api: Api;
  readonly printer: Printer;
  readonly settings: ConnectionSettings;
}

/** What is known while a program runs; filled in by the command for the error message. */
export interface RunState {
  readonly io: CliIo;
  /** Server that the command talks to. */
  server: string | undefined;
}

/** Opens a session, runs `work`, and closes the connection whatever happens. */
export async function withSession(
  state: RunState,
  command: Command,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const { io } = state;
  const flags = command.optsWithGlobals<GlobalFlags>();
  const settings = connectionSettings(flags, io.env, readConfigFile(configPath(io.env)));
  state.server = formatServerAddress(settings.address);
  const api = connectApi(settings, { clock: io.clock, random: io.random });
  try {
    await work({ io, api, printer: new Printer(flags.output, io.stdout, io.env), settings });
  } finally {
    api.close();
  }
}
