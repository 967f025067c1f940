import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LocalSocketError } from '../../../../agent/local/listener.js';
import { checkFolder } from '../../../../agent/local/socket-place.js';
import { canBeAnotherUser, itNeeding } from '../../../net/site/index.js';

const ROOT = { met: canBeAnotherUser(), why: 'needs root' };
const SOMEBODY = 54_321;

describe('the place of the local control socket', () => {
  let base: string;
  let socket: string;

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'cordon-place-'));
    mkdirSync(join(base, 'above', 'run'), { recursive: true, mode: 0o700 });
    socket = join(base, 'above', 'run', 'control.sock');
  });
  afterEach(() => rmSync(base, { recursive: true }));

  const refused = (path: string, named: string): void => {
    expect(() => checkFolder(path)).to.throw(LocalSocketError, new RegExp(`^${named}: other users may`));
  };

  it('is below folders that nobody else may write', () => {
    expect(() => checkFolder(socket)).not.to.throw();
    chmodSync(join(base, 'above', 'run'), 0o770);
    refused(socket, join(base, 'above', 'run'));
  });

  it('is refused where somebody can put another folder in the place of its own', () => {
    chmodSync(join(base, 'above'), 0o777);
    refused(socket, join(base, 'above'));
    chmodSync(join(base, 'above'), 0o1777);
    expect(() => checkFolder(socket)).not.to.throw();
  });

  itNeeding(ROOT, 'is refused behind a folder or a link of somebody else', () => {
    symlinkSync(join(base, 'above', 'run'), join(base, 'link'));
    const behindLink = join(base, 'link', 'control.sock');
    expect(() => checkFolder(behindLink)).not.to.throw();
    lchownSync(join(base, 'link'), SOMEBODY, SOMEBODY);
    refused(behindLink, join(base, 'link'));
    chownSync(join(base, 'above'), SOMEBODY, SOMEBODY);
    refused(socket, join(base, 'above'));
    return Promise.resolve();
  });
});
