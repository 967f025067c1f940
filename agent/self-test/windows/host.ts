import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../shared/package-root.js';
import { serviceSid, sidText } from '../../windows/sid.js';
import { folderSecurity } from '../../windows/folder-security.js';
import { pinPipe } from '../../windows/pipe-owner.js';
import { processSid } from '../../windows/process-identity.js';
import { SERVICE_NAME } from '../../windows/service-definition.js';
import { ServiceManager } from '../../windows/service-manager.js';
import { fail, pass, skip, type Check, type Outcome } from '../check.js';

const BFE = 'BFE';
const START = 'start the agent once: sc start cordon-agent';

/** What package.json pins: koffi's binaries have crashed in other versions. */
async function library(): Promise<Outcome> {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  const { dependencies } = JSON.parse(text) as { dependencies: { koffi: string } };
  const wanted = dependencies.koffi;
  const { default: koffi } = await import('koffi');
  const { loadWfp } = await import('../../enforce/wfp/library.js');
  await loadWfp();
  const seen = `koffi ${koffi.version} on ${process.arch}, Windows ${release()}`;
  return koffi.version === wanted
    ? pass(seen)
    : fail(`${seen} in place of ${wanted}`, 'install the agent again');
}

async function services(): Promise<ServiceManager> {
  return ServiceManager.open({
    progress: () => undefined,
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
}

async function filterEngineRuns(): Promise<Outcome> {
  const status = (await services()).status(BFE);
  if (status?.state === 'running') return pass(`process ${status.processId}`);
  return fail(
    `the service ${BFE} is ${status?.state ?? 'not there'}`,
    `nothing is filtered without it: sc config ${BFE} start= auto, then sc start ${BFE}`,
  );
}

async function agentRuns(): Promise<Outcome> {
  const status = (await services()).status(SERVICE_NAME);
  if (status?.state === 'running') return pass(`process ${status.processId}`);
  if (!status) return skip(`there is no service ${SERVICE_NAME}`, 'install it, then run the check again');
  return fail(`it is ${status.state}, Windows error ${status.exitCode}`, `sc start ${SERVICE_NAME}`);
}

async function ownSid(): Promise<Outcome> {
  const own = await processSid();
  const wanted = serviceSid(SERVICE_NAME);
  if (own.equals(wanted)) return pass(sidText(own));
  return skip(
    `this process is ${sidText(own)}, and not the service`,
    `sc showsid ${SERVICE_NAME} must print ${sidText(wanted)}, and "sc qsidtype ${SERVICE_NAME}" UNRESTRICTED`,
  );
}

async function dataFolder(path: string): Promise<Outcome> {
  if (!existsSync(path)) return skip(`there is no ${path}`, START);
  (await folderSecurity()).check(path, 'private');
  return pass(`${path} is for LocalSystem and Administrators alone`);
}

async function controlPipe(name: string): Promise<Outcome> {
  const pipe = await pinPipe(name);
  switch (pipe.kind) {
    case 'trusted':
      pipe.release();
      return pass(`${name} was made by an administrator, and lets this process in`);
    case 'absent':
      return skip(`nobody listens at ${name}`, START);
    case 'denied':
      return fail(`${name} does not let this process in`, 'run the self-test as Administrator');
    case 'busy':
      return fail(`${name} is busy`, 'end what holds it open, then run the check again');
    case 'foreign':
      return fail(
        `${name} was made by ${pipe.owner}`,
        'end that program: it stands in the place of the agent',
      );
  }
}

export const hostChecks: readonly Check[] = [
  {
    name: 'wfp-library',
    platform: 'win32',
    claim:
      'the library of the filter engine can be called, by the version of koffi that Cordon was tested with',
    run: library,
  },
  {
    name: 'wfp-service',
    platform: 'win32',
    claim: 'the service of the filter engine (BFE) runs',
    run: filterEngineRuns,
  },
  { name: 'agent-service', platform: 'win32', claim: 'the service of the agent runs', run: agentRuns },
  {
    name: 'agent-sid',
    platform: 'win32',
    claim: 'the process of the service has the SID of the service in its token',
    run: ownSid,
  },
  {
    name: 'data-folder',
    platform: 'win32',
    claim: 'nobody but administrators can read the identity and the state of the agent',
    run: ({ dataDir }) => dataFolder(dataDir),
  },
  {
    name: 'control-pipe',
    platform: 'win32',
    claim: 'the pipe of the local command line was made by an administrator',
    run: ({ controlSocket }) => controlPipe(controlSocket),
  },
];
