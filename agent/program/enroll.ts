import { ConfigError } from '../../shared/config/load.js';
import { systemClock } from '../../shared/clock.js';
import { prepareDataFolder } from '../data-folder.js';
import { enroll } from '../identity/enroll.js';
import { IdentityFiles } from '../identity/files.js';
import { Identity } from '../identity/identity.js';
import { systemLookup } from '../isolation/names.js';
import { ServerAddresses } from '../link/server-addresses.js';
import { readConfig, type Flags } from './options.js';

/** Makes this computer a device, once; `run` then needs no token. */
export async function enrollOnce(flags: Flags): Promise<void> {
  const { token, ...others } = flags;
  const config = readConfig({ ...others, enrollmentToken: token });
  const { data_dir: dataDir, enrollment_token: secret, ca_fingerprint: caFingerprint } = config;
  await prepareDataFolder(dataDir);
  const identity = new Identity(new IdentityFiles(dataDir), Math.random);
  if (identity.enrolled) {
    console.log(`already enrolled as device ${identity.deviceId}`);
    return;
  }
  const how = 'as "cordon enroll-token create" prints it';
  if (secret === undefined) throw new ConfigError(`--token: missing; give the token ${how}`);
  if (caFingerprint === undefined) throw new ConfigError(`--ca-fingerprint: missing; give it ${how}`);
  const addresses = new ServerAddresses(
    dataDir,
    config.agent_server,
    config.server,
    systemClock,
    systemLookup,
  );
  await enroll(identity, addresses, config.server, { token: secret, caFingerprint });
  console.log(`enrolled as device ${identity.deviceId}; next: start "cordon-agent run"`);
}
