import { expect } from 'chai';
import * as constants from '../../agent/enforce/wfp/constants.js';
import { WFP_CODES, WIN32_CODES } from '../../agent/enforce/wfp/error-codes.js';
import { WFP_LAYOUTS, type Field, type Layouts } from '../../agent/enforce/wfp/layout.js';
import { itNeeding } from '../net/site/it-needing.js';
import { mingw } from './bfe-double/build.js';
import { compile, constantAsserts, macros, staticAsserts } from './static-asserts.js';

const HEADERS = ['fwpmu.h', 'fwptypes.h', 'fwpmtypes.h'];

function itCompiling(title: string, run: () => void): void {
  itNeeding(mingw, title, () => Promise.resolve(run()));
}

/** The layouts with one structure changed. */
function mutated(name: string, change: (fields: readonly Field[]) => readonly Field[]): Layouts {
  return { ...WFP_LAYOUTS, [name]: change(WFP_LAYOUTS[name] ?? []) };
}

describe('the layouts of WFP', function () {
  this.timeout(120_000);

  itCompiling('have the sizes and offsets of the headers', () => {
    const code = staticAsserts(WFP_LAYOUTS, HEADERS);
    expect(code.match(/_Static_assert/g)?.length).to.be.greaterThan(150);
    expect(compile(code)).to.equal(undefined);
  });

  const widened = (name: string) => (fields: readonly Field[]) =>
    fields.map((field): Field => (field.name === name ? { ...field, type: 'uint64' } : field));

  for (const [title, layouts] of [
    [
      // What a well-known binding did: its filter ids were read from the wrong place.
      'the members of a union stand one behind the other',
      mutated('FWPM_FILTER0', (fields) =>
        fields.flatMap((field) =>
          typeof field.type === 'object' && 'union' in field.type ? field.type.union : [field],
        ),
      ),
    ],
    ['a number is wider', mutated('FWPM_SESSION0', widened('flags'))],
    ['a number at the end is wider, where padding was', mutated('FWPM_SUBLAYER0', widened('weight'))],
    [
      'a field is missing',
      mutated('FWPM_PROVIDER0', (fields) => fields.filter(({ name }) => name !== 'flags')),
    ],
    [
      'two fields changed places',
      mutated('FWPM_FILTER_ENUM_TEMPLATE0', (fields) =>
        fields.map((field) => {
          if (field.name === 'enumType') return { ...field, name: 'flags' };
          return field.name === 'flags' ? { ...field, name: 'enumType' } : field;
        }),
      ),
    ],
    [
      'a member of a union is wider',
      mutated('FWP_VALUE0', (fields) =>
        fields.map((field) =>
          typeof field.type === 'object' && 'union' in field.type
            ? { ...field, type: { union: widened('uint32')(field.type.union) } }
            : field,
        ),
      ),
    ],
  ] as const) {
    itCompiling(`are refused where ${title}`, () => {
      expect(compile(staticAsserts(layouts, HEADERS))).to.match(/static assertion failed/);
    });
  }
});

describe('the constants of WFP', function () {
  this.timeout(120_000);

  const groups = Object.values(constants).filter((group) => typeof group === 'object');
  const all = Object.assign({}, ...groups) as Readonly<Record<string, number>>;

  itCompiling('are those of the headers, where the headers have them', () => {
    const inHeaders = Object.entries(all).filter(([name]) => hasHeader(name));
    expect(inHeaders.length).to.be.greaterThan(45);
    expect(compile(constantAsserts(Object.fromEntries(inHeaders), HEADERS))).to.equal(undefined);
  });

  itCompiling('are refused where a digit is wrong', () => {
    const wrong = {
      FWP_BYTE_BLOB_TYPE: 11,
      FWP_ACTION_PERMIT: 0x1001,
      FWP_CONDITION_FLAG_IS_APPCONTAINER_LOOPBACK: 0x40_0001,
    };
    const complaints = compile(constantAsserts(wrong, HEADERS)) ?? '';
    for (const name of Object.keys(wrong)) expect(complaints).to.match(new RegExp(`failed: .*${name}`));
  });

  itCompiling('name RPC_C_AUTHN_WINNT as rpcdce.h does', () => {
    const { RPC_C_AUTHN_WINNT } = constants;
    expect(compile(constantAsserts({ RPC_C_AUTHN_WINNT }, ['rpcdce.h']))).to.equal(undefined);
  });
});

/** Those of mingw-w64 lack the flags of objects, their access rights and what came with Windows 10: see second-source.ts. */
function hasHeader(name: string): boolean {
  return (
    name === 'FWP_ACTRL_MATCH_FILTER' ||
    (name.startsWith('FWP_') && !/^FWP_MATCH_(NOT_)?PREFIX$/.test(name)) ||
    name.startsWith('FWPM_CHANGE_')
  );
}

describe('the errors of WFP', function () {
  this.timeout(120_000);

  itCompiling('are all that winerror.h has, each with its number', () => {
    const inHeader = [...macros(['winerror.h'])].filter(([name]) => name.startsWith('FWP_E_'));
    expect(inHeader.length).to.be.greaterThan(50);
    const ours = new Map(WFP_CODES.map(([code, name]) => [name, code]));
    expect([...ours.keys()].sort()).to.deep.equal(inHeader.map(([name]) => name).sort());
    for (const [name, text] of inHeader) {
      expect(ours.get(name), name).to.equal(Number(/0x[0-9A-Fa-f]{8}/.exec(text)?.[0]));
    }
  });

  itCompiling('of Windows itself have the numbers of winerror.h', () => {
    const codes = Object.fromEntries(WIN32_CODES.map(([code, name]) => [name, code]));
    expect(compile(constantAsserts(codes, ['winerror.h']))).to.equal(undefined);
  });
});
