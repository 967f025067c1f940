import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkFolder } from '../../local/socket-place.js';
import { fail, pass, skip, type Check } from '../check.js';

const START = 'start the agent once, it makes the folder; or name it with --data-dir or --config';

export const placeChecks: readonly Check[] = [
  {
    name: 'data-folder',
    platform: 'linux',
    claim: 'nobody but root can read the identity and the state of the agent',
    run: ({ dataDir }) => {
      const found = statSync(dataDir, { throwIfNoEntry: false });
      if (!found) return Promise.resolve(skip(`there is no ${dataDir}`, START));
      const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
      const seen = `${dataDir} belongs to user ${found.uid}, mode ${mode}`;
      const closed = found.uid === 0 && (found.mode & 0o077) === 0;
      return Promise.resolve(
        closed ? pass(seen) : fail(seen, `chown root: ${dataDir} && chmod 0700 ${dataDir}`),
      );
    },
  },
  {
    name: 'control-socket',
    platform: 'linux',
    claim: 'nobody but root can put a socket of his own in the place of the control socket',
    run: ({ controlSocket }) => {
      const folder = dirname(controlSocket);
      if (!statSync(folder, { throwIfNoEntry: false })) {
        return Promise.resolve(skip(`there is no ${folder}`, 'start the agent, it makes the folder'));
      }
      checkFolder(controlSocket);
      return Promise.resolve(pass(`${folder} and every folder above it belong to root or to this user`));
    },
  },
];
