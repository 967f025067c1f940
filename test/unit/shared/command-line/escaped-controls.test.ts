import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { escapedJson, escapedYaml } from '../../../../shared/command-line/escaped-controls.js';

const STRANGE = 'a\u009b31m\u007f\u202e\u{e0041}\u2028\u001b[2Jb';

describe('results for programs', () => {
  it('hold nothing that a terminal obeys, and the same text', () => {
    const content = { [STRANGE]: [STRANGE, 'plain', 'two\nlines\u009b'] };
    const json = escapedJson(JSON.stringify(content, undefined, 2));
    expect(json).not.to.match(/(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/u);
    expect(JSON.parse(json)).to.deep.equal(content);
    const yaml = escapedYaml(stringify(content));
    expect(yaml).not.to.match(/(?!\n)\p{Cc}/u);
    expect(parse(yaml)).to.deep.equal(content);
  });
});
