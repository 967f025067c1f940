import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { systemClock } from '../../../shared/clock.js';
import { LocalSocketError } from '../../../agent/local/listener.js';
import { WinError } from '../../../agent/windows/error-codes.js';
import { caller, systemLibrary, WindowsError, type Handle } from '../../../agent/windows/library.js';
import { refuseSecondAgent } from '../../../agent/windows/only-agent.js';
import { NO_HANDLE, pipeCalls } from '../../../agent/windows/pipe-calls.js';
import { clientOfThread, clientReader, type PipeClient } from '../../../agent/windows/pipe-client.js';
import { securityAttributes } from '../../../agent/windows/security-attributes.js';
import { pinPipe } from '../../../agent/windows/pipe-owner.js';
import { openMode, PipeServer, type PipeServerParts } from '../../../agent/windows/pipe-server.js';
import type { PipeStream } from '../../../agent/windows/pipe-stream.js';
import { AccountNames } from '../../../agent/windows/token-names.js';
import { tokenCalls } from '../../../agent/windows/token-calls.js';
import { asLimitedUser } from '../limited-token.js';

const GENERIC_READ_WRITE = 0xc000_0000;
const OPEN_EXISTING = 3;
const MOST = 16;

describe('a named pipe of the agent', () => {
  let made = 0;
  let name = '';
  let server: PipeServer | undefined;
  let streams: PipeStream[] = [];
  let clients: PipeClient[] = [];
  let refused: PipeClient[] = [];
  let trouble: Error[] = [];
  const opened: Socket[] = [];

  beforeEach(() => {
    made += 1;
    name = `\\\\.\\pipe\\cordon-test-${process.pid}-${made}`;
    [streams, clients, refused, trouble] = [[], [], [], []];
  });
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    await server?.close();
    server = undefined;
    expect(trouble).to.deep.equal([]);
  });

  async function parts(onStream: (stream: PipeStream) => void): Promise<PipeServerParts> {
    return {
      name,
      most: MOST,
      clock: systemClock,
      readClient: await clientReader(),
      admits: ({ administrator }) => administrator,
      onConnection: (stream, client) => {
        streams.push(stream);
        clients.push(client);
        stream.on('error', () => undefined);
        onStream(stream);
      },
      onRefused: (client) => refused.push(client),
      onTrouble: (error) => trouble.push(error),
    };
  }
  const serve = async (onStream: (stream: PipeStream) => void): Promise<void> => {
    server = await PipeServer.open(await parts(onStream));
  };
  const echo = (stream: PipeStream): void => void stream.pipe(stream);
  async function client(): Promise<Socket> {
    const socket = connect(name);
    opened.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }
  async function openRaw(): Promise<Handle> {
    const calls = await pipeCalls();
    const handle = calls.createFile(name, GENERIC_READ_WRITE, 0, null, OPEN_EXISTING, 0, 0);
    return handle === NO_HANDLE ? -calls.lastError() : handle;
  }
  async function until(what: string, met: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = performance.now() + 10_000; !(await met());) {
      if (performance.now() > end) throw new Error(`not within 10 s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  async function roundTrip(): Promise<void> {
    const socket = await client();
    socket.write('hello');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).to.equal('hello');
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
  }

  it('keeps a second agent from starting, which a pipe of nobody does not', async () => {
    await refuseSecondAgent(name);
    await serve(echo);
    const refusal = await refuseSecondAgent(name).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(LocalSocketError);
    expect(String(refusal)).to.match(/an agent runs on this computer already/);
    const socket = await client();
    socket.write('x');
    expect(String(await once(socket, 'data')), 'the one that runs is not disturbed').to.equal('x');
  });

  it('carries bytes both ways at once as they are, in pieces of any size', async () => {
    await serve(echo);
    const sent = Array.from({ length: 150 }, (_, index) =>
      randomBytes([1, 17, 4096, 65_536, 200_000][index % 5] ?? 1),
    );
    const bytes = sent.reduce((sum, { length }) => sum + length, 0);
    const hash = (from: (take: (part: Buffer) => void) => Promise<void>): Promise<string> => {
      const digest = createHash('sha256');
      return from((part) => digest.update(part)).then(() => digest.digest('hex'));
    };
    const socket = await client();
    const received = hash(
      (take) =>
        new Promise((resolve) => {
          let left = bytes;
          socket.on('data', (part: Buffer) => {
            take(part);
            left -= part.length;
            if (left === 0) resolve();
          });
        }),
    );
    for (const part of sent) socket.write(part);
    expect(await received).to.equal(await hash((take) => Promise.resolve(sent.forEach(take))));
  });

  it('makes a writer wait for a reader that does not read', async () => {
    let written = 0;
    await serve((stream) => {
      const more = (): void => {
        let room = true;
        for (; written < 400 && room; written++) room = stream.write(Buffer.alloc(65_536, written));
        if (written < 400) stream.once('drain', more);
      };
      more();
    });
    const socket = await client();
    socket.pause();
    socket.write('go');
    await until('it writes', () => written > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(written).to.be.lessThan(20);
    socket.resume();
    await until('it goes on', () => written === 400);
  });

  it('knows who calls: user, and whether Administrators is turned on', async () => {
    await serve(echo);
    await roundTrip();
    expect(clients).to.have.length(1);
    expect(clients[0]).to.include({ administrator: true });
    expect(clients[0]?.sid).to.match(/^S-1-5-21-/);
    expect(await new AccountNames().nameOf(clients[0]?.sid ?? '')).to.match(/^[^\\]+\\[^\\]+$/);
    expect(await new AccountNames().nameOf('S-1-5-18')).to.match(/\\SYSTEM$/);
    expect(await new AccountNames().nameOf('S-1-5-21-1-2-3-4')).to.equal('S-1-5-21-1-2-3-4');
  });

  it('takes who is not elevated for no administrator', async () => {
    const calls = await tokenCalls();
    const limited = await asLimitedUser(() => clientOfThread(calls));
    expect(limited.administrator).to.equal(false);
    expect(limited.sid).to.match(/^S-1-5-21-/);
    expect(() => clientOfThread(calls)).to.throw('OpenThreadToken failed with Windows error 1008');
  });

  it('lets nobody in who is no administrator, and serves the next one', async () => {
    const somebody = { sid: 'S-1-5-21-1-2-3-4', administrator: false };
    let administrator = false;
    server = await PipeServer.open({
      ...(await parts(echo)),
      readClient: () => ({ ...somebody, administrator }),
    });
    const socket = await client();
    const answers: unknown[] = [];
    socket.on('data', (bytes) => answers.push(bytes)).write('hello');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(refused).to.deep.equal([somebody]);
    expect([...streams, ...answers]).to.deep.equal([]);
    administrator = true;
    await roundTrip();
  });

  it('lets nobody in whom Windows does not name', async () => {
    server = await PipeServer.open({
      ...(await parts(echo)),
      readClient: () => {
        throw new WindowsError('OpenThreadToken', 5);
      },
    });
    const socket = await client();
    socket.write('hello');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(streams).to.deep.equal([]);
    expect(trouble.splice(0).map(String)).to.deep.equal([
      'WindowsError: OpenThreadToken failed with Windows error 5',
    ]);
  });

  it('cannot be made twice, neither by another agent nor by somebody who adds to it', async () => {
    await serve(echo);
    const second = await PipeServer.open(await parts(echo)).catch((error: unknown) => error);
    expect(String(second)).to.match(
      /CreateNamedPipeW failed with Windows error (5|231): another program has/,
    );
    const squatter = createServer().listen(name);
    const [error] = (await once(squatter, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.be.oneOf(['EADDRINUSE', 'EACCES', 'EBUSY']);
    await roundTrip();
  });

  it('is trusted by a client for its owner; one of another maker is not, and one that is not there is absent', async () => {
    expect(await pinPipe(name)).to.deep.equal({ kind: 'absent' });
    await serve(echo);
    const pinned = await pinPipe(name);
    expect(pinned.kind).to.equal('trusted');
    await roundTrip();
    if (pinned.kind === 'trusted') pinned.release();
    await server?.close();
    server = undefined;
    const calls = await pipeCalls();
    const { sid } = clients[0] ?? { sid: '' };
    // This user himself: one of his programs that is not elevated could have made it.
    const attributes = await securityAttributes(`O:${sid}G:${sid}D:(A;;GA;;;WD)`);
    const squatter = calls.createNamedPipe(name, openMode(true), 0, 2, 4096, 4096, 0, attributes.bytes);
    expect(squatter).to.be.greaterThan(0);
    expect(await pinPipe(name)).to.deep.equal({ kind: 'foreign', owner: sid });
    calls.closeHandle(squatter);
  });

  it('belongs to Administrators, and gives rights to them and LocalSystem alone, inheriting none', async () => {
    await serve(echo);
    const advapi = await systemLibrary('advapi32.dll');
    const calls = await tokenCalls();
    const describe = caller(advapi)<
      (descriptor: bigint | null, revision: 1, what: number, text: [string | null], length: null) => number
    >(
      'int __stdcall ConvertSecurityDescriptorToStringSecurityDescriptorW(void *descriptor, uint32_t revision, uint32_t what, _Out_ str16 *text, void *length)',
    );
    const pipe = await openRaw();
    const descriptor: [bigint | null] = [null];
    const OWNER_AND_DACL = 5;
    expect(calls.securityInfo(pipe, 6, OWNER_AND_DACL, [null], null, null, null, descriptor)).to.equal(0);
    const text: [string | null] = [null];
    expect(describe(descriptor[0], 1, OWNER_AND_DACL, text, null)).to.equal(1);
    expect(text[0]).to.match(/^O:BAD:P\(A;;(FA|GA);;;SY\)\(A;;(FA|GA);;;BA\)$/);
    calls.localFree(descriptor[0]);
    (await pipeCalls()).closeHandle(pipe);
  });

  it('serves 16 connections at once and tells the next one that it is busy', async () => {
    await serve(echo);
    const sockets = [];
    for (let index = 0; index < MOST; index++) sockets.push(await client());
    for (const socket of sockets) socket.write('x');
    await until('all are served', () => streams.length === MOST);
    expect(await openRaw()).to.equal(-WinError.PIPE_BUSY);
    for (const socket of sockets) socket.destroy();
    await until('one is free', async () => (await openRaw()) > 0);
  });

  it('serves one after the other without end, and uses no more handles for it', async () => {
    await serve(echo);
    const count = caller(await systemLibrary('kernel32.dll'))<(process: Handle, count: [number]) => number>(
      'int __stdcall GetProcessHandleCount(int64_t process, _Out_ uint32_t *count)',
    );
    const handles = (): number => {
      const out: [number] = [0];
      count(-1, out);
      return out[0];
    };
    for (let round = 0; round < 40; round++) await roundTrip();
    const before = handles();
    for (let round = 0; round < 200; round++) await roundTrip();
    expect(streams).to.have.length(240);
    expect(handles()).to.be.at.most(before + 3);
  });

  it('notices at once that a client was killed, and is there for the next one', async () => {
    let closed = 0;
    await serve((stream) => {
      stream.on('close', () => (closed += 1));
      echo(stream);
    });
    const program = `const s = require('net').connect(process.argv[1]); s.write('x'); setInterval(() => s.write('y'), 5);`;
    const child = spawn(process.execPath, ['-e', program, name], { stdio: 'ignore' });
    await until('it is in', () => streams.length === 1);
    child.kill();
    await until('it is gone', () => closed === 1);
    await roundTrip();
  });

  it('takes clients that leave before they say a word', async () => {
    await serve(echo);
    for (let round = 0; round < 3 * MOST; round++) {
      const socket = await client();
      socket.destroy();
    }
    await roundTrip();
  });

  it('ends its connections when it closes, also those that say nothing or read nothing, and can be made again', async () => {
    await serve((stream) => stream.write(Buffer.alloc(1_000_000)));
    const [quiet, stuck] = [await client(), await client()];
    stuck.pause().write('x');
    await until('one is in', () => streams.length === 1);
    const gone = [quiet, stuck].map(
      (socket) => new Promise((resolve) => socket.resume().once('close', resolve)),
    );
    await server?.close();
    await Promise.all(gone);
    await serve(echo);
    await roundTrip();
  });
});
