import { expect } from 'chai';
import { placesThatGiveOrders } from '../../../../agent/program/service.js';
import { multiString } from '../../../../agent/windows/service-calls.js';
import { agentService, commandLine } from '../../../../agent/windows/service-definition.js';
import { readStatus } from '../../../../agent/windows/service-manager.js';
import { accepted, encodeStatus, meaningOf } from '../../../../agent/windows/service-status.js';
import { packageRoot } from '../../../../shared/package-root.js';

/** How Windows reads a command line (CommandLineToArgvW, after the program), written from its description. */
function readBack(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < text.length;) {
    const slashes = /^\\*/.exec(text.slice(at))?.[0].length ?? 0;
    at += slashes;
    if (text[at] === '"') {
      word = (word ?? '') + '\\'.repeat(Math.floor(slashes / 2));
      if (slashes % 2 === 1) word += '"';
      else quoted = !quoted;
      at += 1;
    } else if (slashes > 0) {
      word = (word ?? '') + '\\'.repeat(slashes);
    } else if (text[at] === ' ' && !quoted) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at += 1;
    } else {
      word = (word ?? '') + (text[at] ?? '');
      at += 1;
    }
  }
  return word === undefined ? words : [...words, word];
}

describe('the definition of the Windows service', () => {
  it('has a command line that is read back word for word, and no program without quotes', () => {
    const cases = [
      ['C:\\Program Files\\nodejs\\node.exe', 'C:\\a b\\main.js', 'service', 'run'],
      ['C:\\x.exe', '', 'a"b', 'ends\\', 'in\\"side', '\\\\server\\share\\'],
    ];
    for (const words of cases) {
      const text = commandLine(words);
      expect(text.startsWith('"')).to.equal(true);
      expect(readBack(text)).to.deep.equal(words);
    }
  });

  it('is not ended along with the filter engine, and comes back after any end', () => {
    const service = agentService(['node.exe']);
    expect(service.dependsOn).to.deep.equal([]);
    expect(multiString(service.dependsOn)).to.deep.equal(Buffer.alloc(2));
    expect(service.restartAfterMs).to.deep.equal([1_000, 5_000, 30_000]);
    expect(multiString(['BFE', 'X']).toString('utf16le')).to.equal('BFE\0X\0\0');
  });
});

describe('the install of the Windows service', () => {
  it('trusts neither files nor folders of the program and its settings without a look', () => {
    const places = placesThatGiveOrders('/etc/cordon/agent.yaml');
    expect(places).to.include.members([
      '/etc/cordon/agent.yaml',
      '/etc/cordon',
      process.execPath,
      packageRoot,
    ]);
    expect(places.filter((place) => place.endsWith('main.js'))).to.have.length(1);
    expect(new Set(places).size).to.equal(places.length);
  });
});

describe('the state of the Windows service', () => {
  it('is told with numbers of winsvc.h', () => {
    const status = { exitCode: 1066, specificExitCode: 1, checkpoint: 2, waitHintMs: 3 };
    const bytes = encodeStatus({ state: 'stop-pending', accepted: 0, ...status });
    expect([...new Uint32Array(bytes.buffer, bytes.byteOffset, 7)]).to.deep.equal([16, 3, 0, 1066, 1, 2, 3]);
  });

  it('takes a stop, a shutdown and power events only while it runs', () => {
    expect(accepted('running')).to.equal(0x145);
    for (const state of ['start-pending', 'stop-pending', 'stopped'] as const) {
      expect(accepted(state), state).to.equal(0);
    }
  });

  it('changes with what Windows says', () => {
    expect([1, 5, 15].map((control) => meaningOf(control, 0))).to.deep.equal(['stop', 'stop', 'stop']);
    expect([7, 18].map((kind) => meaningOf(13, kind))).to.deep.equal(['resumed', 'resumed']);
    expect(meaningOf(13, 4), 'going to sleep').to.equal('nothing');
    expect(meaningOf(4, 0)).to.equal('nothing');
    expect(meaningOf(200, 0)).to.equal('unknown');
  });

  it('is read from what the service control manager answers', () => {
    const answer = Buffer.alloc(36);
    [16, 4, 0x145, 0, 0, 0, 0, 77].forEach((field, index) => answer.writeUInt32LE(field, 4 * index));
    expect(readStatus(answer)).to.deep.equal({ state: 'running', exitCode: 0, processId: 77 });
  });
});
